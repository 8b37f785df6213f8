"""
From a picture's own colours to sRGB, which is what every screen shows.

The profile inside a file decides, by relative colorimetric intent with black point
compensation. One that is broken, or made for other samples than the picture has, is
ignored: the picture is then shown as if it had none.
"""

from io import BytesIO

from PIL import Image, ImageCms

_SAMPLES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an L, LA, RGB, RGBA or CMYK picture as L, LA, RGB or RGBA in sRGB."""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colours = image if alpha is None else image.convert(image.mode[:-1])
    if profile:
        colours = _apply(profile, colours)
    if colours.mode == "CMYK":
        colours = colours.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _apply(profile: bytes, image: Image.Image) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        samples = source.profile.xcolor_space.strip()
        if image.mode == "L" and samples == "RGB":
            image = image.convert("RGB")
        if samples != _SAMPLES[image.mode]:
            return image
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if converted is None:
        return image
    return converted.convert("L") if samples == "GRAY" else converted
