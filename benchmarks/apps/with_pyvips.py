"""
Draws with pyvips' `thumbnail`, as its documentation says: see `benchmarks.apps.drawing`.

One thread, by `VIPS_CONCURRENCY`, and no cache. As it comes, a profile is kept beside the
pixels; with linear light the result is brought to sRGB, which it is at its best with.
"""

from pathlib import Path
from typing import Any

import pyvips

from benchmarks.apps import drawing

_MOVING = {".gif", ".webp"}

pyvips.cache_set_max(0)


def draw(picture: Path, job: Any) -> bytes:
    frames = "[n=-1]" if job.animated and picture.suffix in _MOVING else ""
    linear = {"linear": True, "output_profile": "srgb"} if job.linear else {}
    image = pyvips.Image.thumbnail(
        f"{picture}{frames}", job.width, height=job.height, size="down", **linear
    )
    quality = {"Q": job.quality} if job.quality else {}
    data: bytes = image.write_to_buffer(f".{job.format}", **quality)
    return data


if __name__ == "__main__":
    drawing.main(draw)
