"""
Draws with plain Pillow, as its documentation says: see `benchmarks.apps.drawing`.
"""

import io
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageOps, ImageSequence

from benchmarks.apps import drawing

_WRITABLE = {
    "jpeg": {"L", "RGB"},
    "png": {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"},
    "webp": {"RGB", "RGBA"},
}
_MOVING = {"GIF", "PNG", "WEBP", "AVIF"}


def draw(picture: Path, job: Any) -> bytes:
    with Image.open(picture) as image:
        if job.animated and image.format in _MOVING:
            frames = [_shrink(frame.copy(), job) for frame in ImageSequence.Iterator(image)]
        else:
            frames = [_shrink(image, job)]
        file = io.BytesIO()
        quality = {"quality": job.quality} if job.quality else {}
        more = {"save_all": True, "append_images": frames[1:]} if len(frames) > 1 else {}
        frames[0].save(file, job.format.upper(), **quality, **more)
    return file.getvalue()


def _shrink(image: Image.Image, job: Any) -> Image.Image:
    lying = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    box = (job.height, job.width) if lying else (job.width, job.height)
    # Draft mode, for JPEG, is thumbnail's own.
    image.thumbnail(box, Image.Resampling.LANCZOS)
    upright = ImageOps.exif_transpose(image)
    return upright if upright.mode in _WRITABLE[job.format] else upright.convert("RGB")


if __name__ == "__main__":
    drawing.main(draw)
