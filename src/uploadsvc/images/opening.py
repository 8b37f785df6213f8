"""
Is it a picture that we show, and is it safe to decode?

The type is told by content, never by name, and only these formats are tried: some of
Pillow's others start programs (EPS runs Ghostscript). The limits are checked against the
header, before anything is decoded. How many frames or pages there are is never asked for:
counting is what some files make expensive.
"""

from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from uploadsvc import mediatypes
from uploadsvc.images import jxl, png, webp
from uploadsvc.images.optional import optional_format
from uploadsvc.images.refusals import TooHeavy, TooManyPixels
from uploadsvc.images.scans import count_scans

# JPEG is MPO's too: the first of its pictures is an ordinary JPEG. The plug-ins are imported
# above, because Pillow loads all that it has when it meets a format it does not know yet.
FORMATS = (
    webp.StillWebP.format,
    *(
        plugin.format
        for plugin in (
            JpegImagePlugin.JpegImageFile,
            PngImagePlugin.PngImageFile,
            GifImagePlugin.GifImageFile,
            WebPImagePlugin.WebPImageFile,
            AvifImagePlugin.AvifImageFile,
            BmpImagePlugin.BmpImageFile,
            TiffImagePlugin.TiffImageFile,
            IcoImagePlugin.IcoImageFile,
            PsdImagePlugin.PsdImageFile,
            Jpeg2KImagePlugin.Jpeg2KImageFile,
        )
    ),
)
JPEG = frozenset({JpegImagePlugin.JpegImageFile.format, MpoImagePlugin.MpoImageFile.format})

_MEDIA_TYPES = {
    webp.StillWebP.format: "image/webp",
    "MPO": "image/jpeg",
    "HEIF": "image/heic",
    "JXL": "image/jxl",
    "JPEG2000": "image/jp2",
}

MAX_SCANS = 100
"""Real progressive JPEGs have about ten."""

# Each thread's stack counts as memory, and the processes already use all cores.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

webp.register()


def open_picture(file: BinaryIO, *, max_pixels: int) -> ImageFile.ImageFile:
    """
    Return the picture, opened and not decoded.

    Raise `TooManyPixels`, `TooHeavy`, `NeedsPackage`, or anything that Pillow raises for what
    it cannot read.
    """
    optional = optional_format(file.read(mediatypes.HEAD_BYTES))
    file.seek(0)
    if optional == "JXL":
        jxl.check(file, max_pixels=max_pixels)
    # Some plug-ins allocate the canvas while they open. They refuse twice this number first.
    Image.MAX_IMAGE_PIXELS = max_pixels // 2
    try:
        image = Image.open(file, formats=(optional,) if optional else FORMATS)
    except Image.DecompressionBombError as error:
        raise TooManyPixels from error
    if image.width * image.height > max_pixels:
        raise TooManyPixels
    if image.format in JPEG:
        if count_scans(file, enough=MAX_SCANS + 1) > MAX_SCANS:
            raise TooHeavy
        file.seek(0)
    if image.format == PngImagePlugin.PngImageFile.format:
        png.find_exif(file, image)
    return image


def media_type_of(image: Image.Image) -> str:
    """Return the media type of an opened picture."""
    return _MEDIA_TYPES.get(str(image.format)) or Image.MIME[str(image.format)]
