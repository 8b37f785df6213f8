"""
From a decoded picture to a small one, without ever holding a second large one.

The pixels are first averaged over whole blocks, band by band, then resampled with a
Lanczos filter. Palettes, single bits and deep samples are expanded before that, for their
numbers cannot be averaged; colours are weighed by their alpha, so that the hidden colour of
transparent pixels never bleeds into an edge. What comes out is L, LA, RGB, RGBA or CMYK.
"""

from PIL import Image

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_GRAY = ("1", "L", "LA", "La", *_DEEP)
_BAND = 1 << 20
"""Pixels that are expanded at a time."""

_ROOM = 16 << 20
"""Pixels of a picture that may still be large when the filter begins."""

GAP = 2
"""How many times larger than the target the blocks leave the picture, for Lanczos to see."""


def shrink(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """
    Return the loaded picture at exactly the size `target`, which is not larger.

    The picture itself is closed as soon as its pixels are not needed any more.
    """
    across, down = _blocks(image.size, target)
    small = _average(image, across, down)
    if small is not image:
        image.close()
    if small.size != target:
        # The last block may be cut short, so the box ends inside it.
        box = (0.0, 0.0, image.width / across, image.height / down)
        small = small.resize(target, Image.Resampling.LANCZOS, box=box)
    return small.convert({"La": "LA", "RGBa": "RGBA"}.get(small.mode, small.mode))


def _blocks(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Return how many pixels across and down become one, before the filter."""
    ratios = size[0] // target[0], size[1] // target[1]
    across, down = (max(1, ratio // GAP) for ratio in ratios)
    if size[0] * size[1] > _ROOM * across * down:
        across, down = (max(1, ratio // GAP, min(2, ratio)) for ratio in ratios)
    return across, down


def _average(image: Image.Image, across: int, down: int) -> Image.Image:
    """Return the picture in its expanded mode, each `across` x `down` block one pixel."""
    mode = _expanded_mode(image)
    if image.mode == mode:
        # Averaging over blocks of one pixel would only make a copy.
        return image if across == down == 1 else image.reduce((across, down))
    small = Image.new(mode, (-(-image.width // across), -(-image.height // down)))
    rows = max(1, _BAND // image.width // down) * down
    bright = _brightest(image)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        small.paste(_expand(band, mode, bright).reduce((across, down)), (0, top // down))
    return small


def _expanded_mode(image: Image.Image) -> str:
    transparent = image.has_transparency_data
    if image.mode in _GRAY:
        return "La" if transparent else "L"
    if image.mode == "CMYK":
        return "CMYK"
    return "RGBa" if transparent else "RGB"


def _expand(band: Image.Image, mode: str, bright: float) -> Image.Image:
    if band.mode in _DEEP:
        band = _eight_bits(band, bright)
    if mode in ("La", "RGBa"):
        band = band.convert("LA" if mode == "La" else "RGBA")
    return band.convert(mode)


def _brightest(image: Image.Image) -> float:
    """Return the sample that shows as white."""
    if image.mode not in ("I", "F"):
        return 65535
    # 32-bit samples have no white of their own; those of 16-bit files are common among them.
    highest = float(image.getextrema()[1])  # type: ignore[arg-type]
    return next((white for white in (1.0, 255.0, 65535.0) if highest <= white), highest)


def _eight_bits(band: Image.Image, bright: float) -> Image.Image:
    """Return the deep samples as L, or as LA where one of them means transparent."""
    key = band.info.get("transparency")
    wide = band.convert("F")
    # Pillow cuts off what is over 255 where it converts, so it is brought below that first.
    gray = wide.point(lambda sample: sample * (255 / bright) + 0.5).convert("L")
    if not isinstance(key, int):
        return gray
    # Whole samples are at least 1 apart: 0 at the key, 255 everywhere else.
    above = wide.point(lambda sample: sample * 255 + (-255.0 * key)).convert("L")
    below = wide.point(lambda sample: sample * -255 + (255.0 * key)).convert("L")
    gray.info.pop("transparency", None)
    above.paste(255, mask=below)
    gray.putalpha(above)
    return gray
