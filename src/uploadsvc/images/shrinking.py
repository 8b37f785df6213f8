"""
From decoded pixels to a small picture, without ever holding a second large one.

The pixels are first averaged over whole blocks, band by band, then resampled with a filter.
Palettes and single bits are expanded before that, for their numbers cannot be averaged;
colours are weighed by their alpha, so that the hidden colour of transparent pixels never
bleeds into an edge. What comes out is L, LA, RGB or RGBA. Deep samples, and all where light is
to be averaged, take the way of `light`.
"""

from typing import Any

from PIL import Image

from uploadsvc.images import fast
from uploadsvc.images.colours import to_srgb
from uploadsvc.images.light import LightPlanes, is_deep
from uploadsvc.images.pixels import Pixels
from uploadsvc.images.sizes import Box

GAP = 2
"""How many times larger than the target the blocks leave the picture, for the filter to see."""

_ROOM = 16 << 20
"""Pixels of a picture that may still be large when the filter begins."""

_SMALL = 640 * 480
"""Pixels up to which every edge is worth a Lanczos filter. Beyond, what is shrunk by half or
more gets one of a third of the work, whose softness a large picture hides."""

_FINAL = {"La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}

_GRAY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I", "F")


def shrink(
    pixels: Pixels, target: tuple[int, int], box: Box, *, profile: bytes | None, linear: bool
) -> Image.Image:
    """
    Return the part of the picture in `box` at exactly the size `target`.

    `linear`: light is averaged rather than the numbers that stand for it. `profile` is that of
    inks, which do not mix as their numbers do: CMYK becomes sRGB as soon as it is small. The
    pixels are let go as soon as they are not needed any more.
    """
    ratios = int((box[2] - box[0]) // target[0]), int((box[3] - box[1]) // target[1])
    if pixels.mode == "CMYK":
        across, down = _blocks(pixels, ratios)
        small = to_srgb(_averaged(pixels, across, down), profile)
        box = _within(box, across, down)
        pixels, ratios = Pixels.of(small), (1, 1)
    if linear or is_deep(pixels):
        across, down = (max(1, ratio // GAP) for ratio in ratios)
        planes = LightPlanes.averaged(pixels, across, down, linear=linear)
        pixels.close()
        return planes.resized(target, _within(box, across, down))
    across, down = _blocks(pixels, ratios)
    if across == down == 1 and pixels.samples is not None:
        return _resampled(pixels.samples, target, box)
    small = _averaged(pixels, across, down)
    if small is not pixels.whole:
        pixels.close()
    small = _resampled(small, target, _within(box, across, down))
    final = _FINAL.get(small.mode)
    return small.convert(final) if final else small


def _blocks(pixels: Pixels, ratios: tuple[int, int]) -> tuple[int, int]:
    """Return how many pixels across and down become one, before the filter."""
    across, down = (max(1, ratio // GAP) for ratio in ratios)
    size = pixels.width * pixels.height
    if size > _ROOM * across * down:
        least = 2 if size <= 2 * _ROOM else 3
        across, down = (max(1, ratio // GAP, min(least, ratio)) for ratio in ratios)
    return across, down


def _within(box: Box, across: int, down: int) -> Box:
    return box[0] / across, box[1] / down, box[2] / across, box[3] / down


def _resampled(picture: Any, target: tuple[int, int], box: Box) -> Image.Image:
    """Return the part of an image, or of an array of samples, at the size `target`."""
    is_large = target[0] * target[1] > _SMALL and box[2] - box[0] >= 1.4 * target[0]
    small = fast.resampled(picture, target, box, softly=is_large)
    if small is not None:
        return small
    image: Image.Image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    if image.size == target and box == (0.0, 0.0, float(target[0]), float(target[1])):
        return image
    # The last block may be cut short, so the box ends inside it.
    sharpness = Image.Resampling.HAMMING if is_large else Image.Resampling.LANCZOS
    return image.resize(target, sharpness, box=box)


def _averaged(pixels: Pixels, across: int, down: int) -> Image.Image:
    """Return the picture in its expanded mode, each `across` x `down` block one pixel."""
    mode = _expanded_mode(pixels)
    if pixels.whole is not None and pixels.mode == mode:
        # Averaging over blocks of one pixel would only make a copy.
        return pixels.whole if across == down == 1 else pixels.whole.reduce((across, down))
    small = Image.new(mode, (-(-pixels.width // across), -(-pixels.height // down)))
    for top, bottom in pixels.bands(down):
        band = _expand(pixels.rows(top, bottom), mode)
        small.paste(band.reduce((across, down)), (0, top // down))
    return small


def _expanded_mode(pixels: Pixels) -> str:
    if pixels.mode in _GRAY:
        return "La" if pixels.transparent else "L"
    if pixels.mode in ("CMYK", "RGBX"):
        return pixels.mode
    return "RGBa" if pixels.transparent else "RGB"


def _expand(band: Image.Image, mode: str) -> Image.Image:
    if mode in ("La", "RGBa"):
        band = band.convert("LA" if mode == "La" else "RGBA")
    return band.convert(mode)
