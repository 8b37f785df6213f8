"""
Is it a picture that we show, and is it safe to decode?

The type is told by content, never by name, and only these formats are tried: some of
Pillow's others start programs (EPS runs Ghostscript). The limits are checked against the
header, before anything is decoded. Only the first frame or page is ever looked at, and
their number is never asked for: counting is what some files make expensive.
"""

from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from uploadsvc.images.refusals import TooHeavy, TooManyPixels
from uploadsvc.images.scans import count_scans

# JPEG is MPO's too: the first of its pictures is an ordinary JPEG. The plug-ins are imported
# above, because Pillow loads all that it has when it meets a format it does not know yet.
FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        GifImagePlugin.GifImageFile,
        WebPImagePlugin.WebPImageFile,
        AvifImagePlugin.AvifImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
    )
)
_JPEG = {JpegImagePlugin.JpegImageFile.format, MpoImagePlugin.MpoImageFile.format}

MAX_SCANS = 100
"""Real progressive JPEGs have about ten."""

# Each thread's stack counts as memory, and the processes already use all cores.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def open_picture(file: BinaryIO, *, max_pixels: int) -> ImageFile.ImageFile:
    """
    Return the picture, opened and not decoded.

    Raise `TooManyPixels`, `TooHeavy`, or anything that Pillow raises for what it cannot read.
    """
    # Some plug-ins allocate the canvas while they open. They refuse twice this number first.
    Image.MAX_IMAGE_PIXELS = max_pixels // 2
    try:
        image = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise TooManyPixels from error
    if image.width * image.height > max_pixels:
        raise TooManyPixels
    if image.format in _JPEG:
        start = file.tell()
        if count_scans(file, enough=MAX_SCANS + 1) > MAX_SCANS:
            raise TooHeavy
        file.seek(start)
    return image
