"""
PNG, decoded by a faster package where it is installed, and with all 16 bits of each colour.

Undoing the filters of PNG byte by byte is what takes Pillow its time. The faster way (`fast`) is
for pictures of 8 bits a sample without palette, which is nearly all that is large. Pillow
reads 16-bit colours as 8 bits; asked a second time, as if the bytes stood the other way
round, it gives the lower ones.
"""

import os
from typing import BinaryIO

from PIL import Image, ImageFile

from uploadsvc.images import fast
from uploadsvc.images.pixels import Pixels

_LEAST = 250_000
"""Pixels. What is smaller is decoded sooner than the package is loaded."""


def decode(file: BinaryIO, image: ImageFile.ImageFile) -> Pixels | None:
    """Return the pixels of an opened PNG that does not move; None to leave it to Pillow."""
    if "transparency" in image.info or getattr(image, "is_animated", False) or not image.tile:
        return None
    rawmode = image.tile[0].args
    if rawmode == "RGB;16B":
        return _deep(file, image)
    if rawmode == image.mode and image.mode in ("RGB", "RGBA"):
        return _fast(file, image)
    return None


def find_exif(file: BinaryIO, image: ImageFile.ImageFile) -> None:
    """
    Have the EXIF of an opened PNG among what is known of it, wherever in the file it stands.

    Pillow would decode the picture to see whether there is any behind the pixels.
    """
    if "exif" in image.info or "Raw profile type exif" in image.info:
        return
    image.info["exif"] = _chunk(file, b"eXIf")


def _chunk(file: BinaryIO, name: bytes) -> bytes:
    """Return the chunk of that name (PNG 5.3); nothing when there is none."""
    position = file.tell()
    file.seek(8)
    try:
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[:4], "big")
            if head[4:] == name:
                return file.read(length)
            file.seek(length + 4, os.SEEK_CUR)
    finally:
        file.seek(position)
    return b""


def _fast(file: BinaryIO, image: ImageFile.ImageFile) -> Pixels | None:
    if image.width * image.height < _LEAST:
        return None
    with fast.contents(file) as data:
        samples = fast.decoded_png(data, image.size, image.mode)
    if samples is None:
        return None
    if image.mode == "RGBA":
        return Pixels.of(Image.frombuffer("RGBA", image.size, samples, "raw", "RGBA", 0, 1))
    return Pixels.of_samples(samples)


def _deep(file: BinaryIO, image: ImageFile.ImageFile) -> Pixels:
    file.seek(0)
    with Image.open(file, formats=("PNG",)) as again:
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
        again.load()
        low = Pixels.of(again.copy())
    file.seek(0)
    with Image.open(file, formats=("PNG",)) as high:
        high.load()
        pixels = Pixels.of(high.copy())
    return Pixels(
        pixels.width,
        pixels.height,
        "RGB;16",
        transparent=False,
        rows=pixels.rows,
        whole=None,
        low=low,
    )
