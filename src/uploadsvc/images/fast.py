"""
What some packages do faster than Pillow, where they are installed (`uploadsvc[fast]`).

kornia-rs decodes PNG and resamples, several bytes at a time; simplejpeg decodes JPEG into
an array, from which kornia-rs resamples without a copy. What they cannot do, or do not like,
is left to Pillow: each function returns None then.
"""

import contextlib
import importlib
import mmap
import os
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO

from PIL import Image

from uploadsvc.images.memory import left, untouched_is_free
from uploadsvc.images.sizes import Box

_MAPPED = mmap.MAP_PRIVATE | mmap.MAP_POPULATE

_PACKAGES = 64_000_000
"""Bytes. With less left, loading them may end the process."""

_ROOM = 1.4
"""Bytes for each byte of the samples: they stand beside what is made of them. The packages would
end the process where Pillow says that there is too little."""

_TIMES = 8
"""Up to so many times smaller is as good as Pillow: of more samples the weights get too coarse."""

_MOST = 1 << 20
"""Pixels. Of a larger picture, copying it into an array takes longer than is won."""


@contextlib.contextmanager
def contents(file: BinaryIO) -> Iterator[Any]:
    """Have all bytes of a file at hand for the body of the `with`, uncopied where possible."""
    try:
        mapped = mmap.mmap(file.fileno(), 0, flags=_MAPPED, prot=mmap.PROT_READ)
    except (OSError, ValueError):
        # A file in memory, or an empty one.
        file.seek(0)
        yield file.read()
        return
    with mapped:
        yield mapped


def decoded_png(data: Any, size: tuple[int, int], mode: str) -> Any:
    """Return the samples of a PNG of 8 bits, RGB or RGBA; raise for what is broken."""
    if _ROOM * size[0] * size[1] * len(mode) > left() or (packages := _packages()) is None:
        return None
    decode = packages.kornia.io.decode_image_png_u8
    return decode(bytes(data), (size[1], size[0]), mode.lower())


def decoded_jpeg(data: Any, size: tuple[int, int]) -> Any:
    """Return the samples of a JPEG, in RGB, at exactly the size, an even fraction of its own."""
    if _ROOM * size[0] * size[1] * 3 > left() or (packages := _packages()) is None:
        return None
    try:
        decoded = packages.simplejpeg.decode_jpeg(
            data, "RGB", min_width=size[0], min_height=size[1]
        )
    except ValueError:
        # Broken, or only odd: Pillow knows the difference.
        return None
    return decoded if decoded.shape[:2] == (size[1], size[0]) else None


def resampled(
    picture: Any, target: tuple[int, int], box: Box, *, softly: bool
) -> Image.Image | None:
    """
    Return an image in RGB, or an array of samples, at the size `target`, by a Lanczos filter.

    `softly`: by a cubic one, which costs two thirds. Only the whole of a picture can be had.
    """
    if isinstance(picture, Image.Image):
        if picture.mode not in ("RGB", "RGBX") or picture.width * picture.height > _MOST:
            return None
        width, height = picture.size
    else:
        height, width = picture.shape[:2]
    if box != (0.0, 0.0, float(width), float(height)):
        return None
    if not all(
        1 <= had / wanted <= _TIMES for had, wanted in zip((width, height), target, strict=True)
    ):
        return None
    if (packages := _packages()) is None:
        return None
    if isinstance(picture, Image.Image):
        picture = packages.numpy.asarray(picture.convert("RGB"))
    name = "bicubic" if softly else "lanczos"
    small = packages.kornia.imgproc.resize(picture, (target[1], target[0]), name, antialias=True)
    return Image.fromarray(small)


class _Packages:
    def __init__(self) -> None:
        # Each process has one core to itself.
        os.environ["RAYON_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
        self.numpy = importlib.import_module("numpy")
        self.kornia: Any = importlib.import_module("kornia_rs")
        self.simplejpeg = importlib.import_module("simplejpeg")


def _packages() -> _Packages | None:
    """Return the packages; None where one is not installed or there is no room for them."""
    return _loaded() if left() > _PACKAGES else None


@cache
def _loaded() -> _Packages | None:
    try:
        with untouched_is_free():
            return _Packages()
    except ImportError:
        return None
