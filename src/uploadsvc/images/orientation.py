"""
Which way up a picture is to be shown, whatever its container (EXIF 2.32, 4.6.4).
"""

from PIL import ExifTags, Image

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings each EXIF orientation upright; 1 already is."""


def orientation_of(image: Image.Image) -> int:
    """Return the orientation of the pixels that loading gives, 1 to 8."""
    if image.format == "TIFF" or (image.format == "JXL" and not getattr(image, "jpeg", False)):
        # Upright when loaded: Pillow turns the one, libjxl the other.
        return 1
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        # Broken EXIF comes as many kinds of errors; the picture may be whole all the same.
        return 1
    return orientation if orientation in TURNS else 1


def upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return width and height as shown of what lies so in the file, or the other way round."""
    return size if orientation < 5 else (size[1], size[0])
