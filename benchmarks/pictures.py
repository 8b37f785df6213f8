"""
The pictures that previews are made of: as a camera writes them, and the same in other formats.

They are made up once for each run of the benchmarks, or made of the picture that was asked for.
"""

import io
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from benchmarks.plan import Plan

_SIZE = (4000, 3000)
_LARGE = (6000, 4000)
_SCREEN = (1920, 1080)
# Standard deviation of the noise, how many pixels wide it is, and its weight: from large shapes
# to the grain of a sensor. Together they compress like a photograph, to some 4 MB.
_LAYERS = ((120, 64, 0.4), (100, 12, 0.3), (80, 4, 0.2), (40, 1, 0.2))


def photograph(plan: Plan) -> bytes:
    """Return a baseline JPEG: the one that was asked for, else one of 12 megapixels, made up."""
    if plan.picture is not None:
        return plan.picture.read_bytes()
    return _photograph()


def progressive(plan: Plan) -> bytes:
    """Return the same picture as a progressive JPEG."""
    return _encode(_pixels(plan.picture), "JPEG", quality=90, progressive=True)


def large(plan: Plan) -> bytes:
    """Return the same picture as a baseline JPEG of 24 megapixels."""
    pixels = _pixels(plan.picture).resize(_LARGE, Image.Resampling.BICUBIC)
    return _encode(pixels, "JPEG", quality=90)


def png(plan: Plan) -> bytes:
    """Return the same picture as a PNG."""
    return _png(plan.picture)


def screen(plan: Plan) -> bytes:
    """Return a part of the same picture as a PNG of 1920x1080 pixels."""
    pixels = _pixels(plan.picture)
    width, height = _SCREEN
    high = max(height, round(width * pixels.height / pixels.width))
    part = pixels.resize((width, high), Image.Resampling.LANCZOS).crop((0, 0, width, height))
    return _encode(part, "PNG")


def webp(plan: Plan) -> bytes:
    """Return the same picture as a lossy WebP."""
    return _encode(_pixels(plan.picture), "WEBP", quality=85)


@cache
def _png(picture: Path | None) -> bytes:
    return _encode(_pixels(picture), "PNG")


@cache
def _pixels(picture: Path | None) -> Image.Image:
    if picture is None:
        return Image.open(io.BytesIO(_photograph())).convert("RGB")
    with Image.open(picture) as image:
        return image.convert("RGB")


@cache
def _photograph() -> bytes:
    across = Image.linear_gradient("L").resize(_SIZE)
    around = Image.radial_gradient("L").resize(_SIZE)
    colours = [_grain(each) for each in (across, around, ImageChops.invert(across))]
    return _encode(Image.merge("RGB", colours), "JPEG", quality=90)


def _grain(image: Image.Image) -> Image.Image:
    for deviation, width, weight in _LAYERS:
        noise = Image.effect_noise((_SIZE[0] // width, _SIZE[1] // width), deviation)
        image = Image.blend(image, noise.resize(_SIZE, Image.Resampling.BICUBIC), weight)
    return image


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
