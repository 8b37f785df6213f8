"""
The picture that previews are made of: 12 megapixels, as a camera writes them.
"""

import io

from PIL import Image, ImageChops

from benchmarks.plan import Plan

_SIZE = (4000, 3000)
# Standard deviation of the noise, how many pixels wide it is, and its weight: from large shapes
# to the grain of a sensor. Together they compress like a photograph, to some 4 MB.
_LAYERS = ((120, 64, 0.4), (100, 12, 0.3), (80, 4, 0.2), (40, 1, 0.2))


def photograph(plan: Plan) -> bytes:
    """Return a baseline JPEG: the one that was asked for, else one that is made up."""
    if plan.picture is not None:
        return plan.picture.read_bytes()
    across = Image.linear_gradient("L").resize(_SIZE)
    around = Image.radial_gradient("L").resize(_SIZE)
    colours = [_grain(each) for each in (across, around, ImageChops.invert(across))]
    file = io.BytesIO()
    Image.merge("RGB", colours).save(file, "JPEG", quality=90)
    return file.getvalue()


def _grain(image: Image.Image) -> Image.Image:
    for deviation, width, weight in _LAYERS:
        noise = Image.effect_noise((_SIZE[0] // width, _SIZE[1] // width), deviation)
        image = Image.blend(image, noise.resize(_SIZE, Image.Resampling.BICUBIC), weight)
    return image
