"""
From a small picture, or several, to the bytes that are sent.

What comes out holds pixels and nothing else: no EXIF, no place where it was taken, no comment,
no profile.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from uploadsvc.images.picture import MEDIA_TYPES
from uploadsvc.images.recipe import Recipe
from uploadsvc.images.variants import Format

_WHITE = "white"

_FRAMES_TO_TRY = 3
_WEBP_METHOD = 2
"""Of 6: what more takes is out of proportion to the bytes that it saves."""

_AVIF_SPEED = 8

_PNG_LEVEL = 4
"""Of 9: half the time of the usual 6, for a hundredth more bytes."""


@dataclass(frozen=True)
class Movement:
    """How the frames of a picture follow each other."""

    durations: Sequence[int]
    """Milliseconds, of each frame."""
    plays: int
    """How often it is shown; 0 for ever."""


def encode(
    frames: Sequence[Image.Image], movement: Movement | None, wanted: Format, recipe: Recipe
) -> tuple[bytes, str, bool]:
    """
    Return the encoded picture, its media type, and whether the format shows all of it.

    The frames are L, LA, RGB or RGBA in sRGB, more than one only with a movement.
    """
    transparent = any(map(_shows_through, frames))
    chosen = _chosen(wanted, transparent=transparent, moves=movement is not None)
    options = _options(chosen, recipe) | _moving(chosen, frames, movement, transparent)
    faithful = chosen != "gif" or movement is not None
    if chosen == "jpeg":
        faithful = not transparent
        frames = [_over_white(frames[0]) if transparent else _opaque(frames[0])]
    elif not transparent:
        frames = [_opaque(frame) for frame in frames]
    if chosen == "gif" and transparent:
        frames = [_all_or_nothing(frame) for frame in frames]
    elif chosen == "gif" and movement is None:
        frames = [frames[0].convert("RGB")]
    out = BytesIO()
    for frame in frames:
        # What is known beside the pixels would else be written along with them.
        frame.info.clear()
    frames[0].save(out, chosen.upper(), append_images=frames[1:], **options)
    return out.getvalue(), MEDIA_TYPES[chosen], faithful


def seconds_to_encode(
    frames: Sequence[Image.Image], movement: Movement, wanted: Format, recipe: Recipe
) -> float:
    """Return about how long it takes to encode all frames, from how long some of them take."""
    every = -(-len(frames) // _FRAMES_TO_TRY)
    some = frames[::every]
    began = time.monotonic()
    encode(some, Movement(movement.durations[::every], movement.plays), wanted, recipe)
    return (time.monotonic() - began) * len(frames) / len(some)


def may_move(wanted: Format) -> bool:
    """Whether what is wanted can be a picture that moves."""
    return wanted in ("auto", "avif-or-webp", "gif", "webp")


def _chosen(wanted: Format, *, transparent: bool, moves: bool) -> str:
    if wanted == "auto":
        return "gif" if moves else "png" if transparent else "jpeg"
    if wanted == "avif-or-webp":
        return "webp" if moves else "avif"
    return wanted


def _options(chosen: str, recipe: Recipe) -> dict[str, Any]:
    return {
        "png": {"compress_level": _PNG_LEVEL},
        "jpeg": {"quality": recipe.jpeg_quality},
        "webp": {"quality": recipe.webp_quality, "method": _WEBP_METHOD},
        "avif": {"quality": recipe.avif_quality, "speed": _AVIF_SPEED, "max_threads": 1},
    }.get(chosen, {})


def _moving(
    chosen: str, frames: Sequence[Image.Image], movement: Movement | None, transparent: bool
) -> dict[str, Any]:
    if movement is None:
        return {}
    options: dict[str, Any] = {"save_all": True, "duration": list(movement.durations)}
    if chosen == "webp":
        options["loop"] = movement.plays
    elif movement.plays != 1:
        # How often again.
        options["loop"] = max(0, movement.plays - 1)
    if chosen == "gif" and transparent:
        # Each frame stands alone: nothing of the one before shines through it.
        options["disposal"] = 2
    return options


def _shows_through(image: Image.Image) -> bool:
    return image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() != (255, 255)


def _opaque(image: Image.Image) -> Image.Image:
    return image.convert(image.mode[:-1]) if image.mode in ("LA", "RGBA") else image


def _all_or_nothing(image: Image.Image) -> Image.Image:
    """Return a picture without what is half transparent, which GIF does not know."""
    image = image.convert("RGBA")
    # Pillow would look for a few colours that have alpha, and may find none that has no alpha.
    mask = image.getchannel("A").point(lambda alpha: 255 * (alpha > 127))
    image.putalpha(255)
    seen = Image.new("RGBA", image.size)
    seen.paste(image, mask=mask)
    return seen


def _over_white(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, _WHITE)
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")
