"""
Decoded pictures, as whoever shrinks them needs them: in bands of rows.

Expanding and averaging a band at a time needs no second copy of a large picture, and works
on memory that the processor still has at hand.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from uploadsvc.images.sizes import Box

_BAND = 1 << 18
"""Pixels of a band: a megabyte."""


@dataclass(frozen=True)
class Pixels:
    width: int
    height: int
    mode: str
    """Pillow's, of each band."""
    transparent: bool
    """Whether anything may show through."""
    rows: Callable[[int, int], Image.Image]
    """Return the rows from one number up to another, which is not among them."""
    whole: Image.Image | None = None
    """All of it, where it is in one piece."""
    extent: Box | None = None
    """Where the picture lies, if not from edge to edge: what was decoded at a fraction may end
    within its last column and row."""
    samples: Any = None
    """All of it, where it is in an array: rows, columns, and three bytes of RGB."""
    low: "Pixels | None" = None
    """The low bytes, where each sample has 16 bits and the bands hold the high ones."""

    @classmethod
    def of(cls, image: Image.Image, extent: Box | None = None) -> "Pixels":
        """Return the pixels of a picture that is loaded."""
        return cls(
            image.width,
            image.height,
            image.mode,
            image.has_transparency_data,
            rows=lambda top, bottom: image.crop((0, top, image.width, bottom)),
            whole=image,
            extent=extent,
        )

    @classmethod
    def of_samples(cls, samples: Any, extent: Box | None = None) -> "Pixels":
        """Return the pixels of an array of RGB samples."""
        height, width = samples.shape[:2]
        return cls(
            width,
            height,
            "RGB",
            transparent=False,
            rows=lambda top, bottom: Image.frombuffer(
                "RGB", (width, bottom - top), samples[top:bottom], "raw", "RGB", 0, 1
            ),
            samples=samples,
            extent=extent,
        )

    def place(self, full: tuple[int, int], part: Box) -> Box:
        """Return where a part lies here, whose place is known in the picture of size `full`."""
        left, top, right, bottom = self.extent or (0.0, 0.0, self.width, self.height)
        across, down = (right - left) / full[0], (bottom - top) / full[1]
        return (
            left + part[0] * across,
            top + part[1] * down,
            min(self.width, left + part[2] * across),
            min(self.height, top + part[3] * down),
        )

    def bands(self, multiple: int) -> Iterator[tuple[int, int]]:
        """Yield the first row and the one after the last of each band, a multiple high."""
        rows = max(1, _BAND // self.width // multiple) * multiple
        for top in range(0, self.height, rows):
            yield top, min(top + rows, self.height)

    def close(self) -> None:
        """Let the memory go."""
        if self.whole is not None:
            self.whole.close()
