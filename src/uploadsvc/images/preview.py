"""
How a preview is drawn: open, decode no more than needed, shrink, sRGB, upright, encode.

Everything here may meet hostile bytes and belongs into a process with limits; see
`uploadsvc.images.pool`. What comes out holds pixels and nothing else: no EXIF, no place
where it was taken, no comment, no profile.
"""

import warnings
from io import BytesIO
from typing import BinaryIO

from PIL import ExifTags, Image, ImageFile

from uploadsvc.errors import Undecodable, UploadsvcError
from uploadsvc.images.colours import to_srgb
from uploadsvc.images.opening import open_picture
from uploadsvc.images.picture import Picture
from uploadsvc.images.refusals import TooHeavy
from uploadsvc.images.shrinking import shrink
from uploadsvc.images.sizes import Size

QUALITY = 85

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings each EXIF orientation upright; 1 already is."""


def draw_preview(file: BinaryIO, size: Size, *, max_pixels: int) -> Picture:
    """
    Return the picture at the largest size that fits: JPEG, or PNG if any of it shows through.

    Raise `Undecodable`, or one of its refinements in `refusals`, for what cannot be shown.
    """
    with warnings.catch_warnings():
        # Pillow warns of much that it then reads, or refuses with an error.
        warnings.simplefilter("ignore")
        try:
            return _draw(file, size, max_pixels)
        except UploadsvcError:
            raise
        except MemoryError as error:
            raise TooHeavy from error
        except Exception as error:
            # On broken files Pillow raises some twenty kinds of errors, plain AssertionError
            # and ZeroDivisionError among them: no list of them would be whole.
            if "memory" in str(error).lower():
                raise TooHeavy from error
            raise Undecodable("the file is not a picture that can be shown") from error


def _draw(file: BinaryIO, size: Size, max_pixels: int) -> Picture:
    image = open_picture(file, max_pixels=max_pixels)
    full = _load(image, size)
    orientation = _orientation(image)
    small = shrink(image, _fit(size, full, orientation))
    profile = image.info.get("icc_profile")
    small = to_srgb(small, profile)
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    return _encode(small)


def _load(image: ImageFile.ImageFile, size: Size) -> tuple[int, int]:
    """Decode, a JPEG at a fraction where that is enough; return the size of the whole."""
    full = image.size
    if image.format in ("JPEG", "MPO"):
        width, height = _fit(size, full, _orientation(image))
        # Half as large again as wanted leaves the last step something to smooth.
        image.draft(None, (-(-width * 3 // 2), -(-height * 3 // 2)))
        image.load()
        return full
    # Only loading tells that a file is cut short, and turns a TIFF upright by itself.
    image.load()
    return image.size


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        # Broken EXIF comes as many kinds of errors; the picture may be whole all the same.
        return 1
    return orientation if orientation in _TURNS else 1


def _fit(size: Size, full: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the size to draw at, in the picture as it lies in the file."""
    width, height = full
    if orientation < 5:
        return size.fit(width, height)
    height, width = size.fit(height, width)
    return width, height


def _encode(image: Image.Image) -> Picture:
    out = BytesIO()
    # What is known beside the pixels would else be written along with them.
    image.info.clear()
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() != (255, 255):
        media_type = "image/png"
        image.save(out, "PNG", optimize=True)
    else:
        media_type = "image/jpeg"
        image = image.convert("L" if image.mode in ("L", "LA") else "RGB")
        image.save(out, "JPEG", quality=QUALITY)
    return Picture(out.getvalue(), media_type, image.width, image.height)
