"""
From an opened picture to its pixels, decoding no more of it than is needed.

JPEG, WebP and JPEG 2000 can be decoded at a fraction of their size; what that leaves is
still somewhat larger than what is wanted, for the filter to have something to smooth.
"""

import contextlib
from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageFile, Jpeg2KImagePlugin

from uploadsvc.images import fast, png, webp
from uploadsvc.images.opening import JPEG
from uploadsvc.images.pixels import Pixels
from uploadsvc.images.progressive import without_fine_scans

_SMALL, _LARGE = 256, 1024
_GAPS = 1.5, 1.2
"""How much larger than wanted a JPEG is left, up to the small side and from the large one on:
at a small size each pixel is looked at, and costs little."""

_WEBP_GAP = 2.0
"""libwebp averages; what it leaves has no edge that a filter could sharpen again."""


def decode(file: BinaryIO, image: ImageFile.ImageFile, wanted: tuple[int, int]) -> Pixels:
    """
    Return the pixels of a picture that is wanted at about that size, as it lies in the file.

    Raise what Pillow raises for what is broken.
    """
    if image.format in JPEG:
        return _jpeg(file, image, wanted)
    if isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
        return _wavelets(file, image, wanted)
    if image.format == webp.StillWebP.format:
        image.draft(None, _times(wanted, _WEBP_GAP))
    elif image.format == "PNG" and (pixels := png.decode(file, image)) is not None:
        return pixels
    image.load()
    return Pixels.of(image)


def _wavelets(
    file: BinaryIO, image: Jpeg2KImagePlugin.Jpeg2KImageFile, wanted: tuple[int, int]
) -> Pixels:
    full = image.size
    if (halvings := _halvings(full, _times(wanted, _GAPS[0]))) > 0:
        with contextlib.suppress(OSError):
            return _halved(image, halvings)
        # Too often for this file, then, if it is whole.
        file.seek(0)
        with Image.open(file, formats=(image.format,)) as again:
            again.load()
            return Pixels.of(again)
    image.load()
    return Pixels.of(image)


def _halved(image: Jpeg2KImagePlugin.Jpeg2KImageFile, halvings: int) -> Pixels:
    full = image.size
    # Pillow rounds where the format rounds up, and then finds the file broken.
    width, height = (-(-side >> halvings) << halvings for side in full)
    image._size = width, height
    image.reduce = halvings
    image.load()
    # As long as it is set, Pillow hides its method of that name.
    image.reduce = 0
    # Each halving keeps the samples of even number, in their place (ITU-T T.800, Annex F).
    shift = 0.5 - 0.5 / 2**halvings
    ends = (
        min(side, full_side / 2**halvings + shift)
        for side, full_side in zip(image.size, full, strict=True)
    )
    return Pixels.of(image, (shift, shift, *ends))


def _jpeg(file: BinaryIO, image: ImageFile.ImageFile, wanted: tuple[int, int]) -> Pixels:
    full = image.size
    image.draft(None, _times(wanted, _gap(max(wanted))))
    fraction, _ = image.decoderconfig
    # A last block that is not whole still makes a whole pixel.
    extent = 0.0, 0.0, full[0] / fraction, full[1] / fraction
    with fast.contents(file) as data:
        coarse = None
        if fraction == 8 and "progressive" in image.info:
            coarse = without_fine_scans(data)
        if image.mode == "RGB":
            samples = fast.decoded_jpeg(coarse or data, image.size)
            if samples is not None:
                return Pixels.of_samples(samples, extent)
        if coarse is not None:
            return Pixels.of(_coarse(coarse), extent)
    file.seek(0)
    image.load()
    return Pixels.of(image, extent)


def _coarse(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data), formats=("JPEG",)) as image:
        # As small as it can be had, which is an eighth.
        image.draft(None, (1, 1))
        image.load()
        return image


def _gap(side: int) -> float:
    small, large = _GAPS
    share = min(1.0, max(0.0, (side - _SMALL) / (_LARGE - _SMALL)))
    return small + (large - small) * share


def _times(size: tuple[int, int], factor: float) -> tuple[int, int]:
    width, height = (-(-side * factor // 1) for side in size)
    return int(width), int(height)


def _halvings(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    """Return how often a size can be halved before it is smaller than wanted."""
    number = 0
    while number < 5 and all(
        side >> (number + 1) >= least for side, least in zip(size, wanted, strict=True)
    ):
        number += 1
    return number
