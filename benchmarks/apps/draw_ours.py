"""
Draws with the service's own engine, in this process: see `benchmarks.apps.drawing`.
"""

from pathlib import Path
from typing import Any

from benchmarks.apps import drawing
from uploadsvc.images import Size, Variant, draw_preview
from uploadsvc.images.memory import reuse
from uploadsvc.images.recipe import Recipe


def draw(picture: Path, job: Any) -> bytes:
    variant = Variant(Size(job.width, job.height), format=job.format)
    with picture.open("rb") as file:
        return draw_preview(file, variant, Recipe(linear=job.linear)).data


if __name__ == "__main__":
    reuse()  # as the service's decoders do
    drawing.main(draw)
