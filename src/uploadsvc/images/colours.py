"""
From a picture's own colours to sRGB, which is what every screen shows.

The profile inside a file decides, by relative colorimetric intent with black point
compensation. One that is broken, or made for other samples than the picture has, is
ignored: the picture is then shown as if it had none.
"""

from functools import lru_cache
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
        samples, transform = _transform(profile, image.mode)
        if transform is None:
            return image
        if image.mode == "L" and samples == "RGB":
            image = image.convert("RGB")
        converted = transform.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return converted.convert("L") if samples == "GRAY" else converted


# Most pictures have one of a few profiles, and a transform takes longer to make than to apply.
@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Return what samples a profile is for, and what brings such of a mode to sRGB, if it fits."""
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    samples = source.profile.xcolor_space.strip()
    if mode == "L" and samples == "RGB":
        mode = "RGB"
    if samples != _SAMPLES[mode]:
        return samples, None
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return samples, transform
