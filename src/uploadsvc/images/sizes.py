"""
How large a preview is to be.

A `Size` is a box that a preview fits in: the aspect ratio is kept, nothing is enlarged. One
that crops is filled instead: the middle of the picture at exactly that size, enlarged only as
far as it must be.
"""

import re
from dataclasses import dataclass
from typing import Self

from uploadsvc.errors import BadInput

# Four ASCII digits are enough for every limit that makes sense; `int` alone would take
# "+5", " 5 ", "1_000" and the digits of other scripts.
_SIDE = re.compile(r"[1-9][0-9]{0,3}")
_SIZE = re.compile(r"([0-9]+)x([0-9]+)(!?)", re.ASCII)

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


@dataclass(frozen=True)
class Size:
    """A box, in pixels."""

    width: int
    height: int
    crop: bool = False
    """Whether the box is filled."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise BadInput("each side must be at least 1 pixel")

    @classmethod
    def parse(cls, x: str, y: str, *, max_side: int) -> Self:
        """Read the sides as a client wrote them; raise `BadInput` if they are not sizes."""
        return cls(_side(x, max_side), _side(y, max_side))

    @classmethod
    def read(cls, text: str, *, max_side: int) -> Self:
        """Read `WxH` or `WxH!`, which crops; raise `BadInput` if it is neither."""
        match = _SIZE.fullmatch(text)
        if match is None:
            raise BadInput("a size is like 320x240, or 320x240! to fill it")
        return cls(_side(match[1], max_side), _side(match[2], max_side), crop=bool(match[3]))

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that a `width` x `height` picture is drawn at, rounded down."""
        if self.crop:
            return self.width, self.height
        if width <= self.width and height <= self.height:
            return width, height
        if width * self.height >= height * self.width:
            return self.width, max(1, height * self.width // width)
        return max(1, width * self.height // height), self.height

    def part(self, width: int, height: int) -> Box:
        """Return the part of a `width` x `height` picture that is shown."""
        if not self.crop:
            return 0.0, 0.0, float(width), float(height)
        shown_width = min(width, height * self.width / self.height)
        shown_height = min(height, width * self.height / self.width)
        left, top = (width - shown_width) / 2, (height - shown_height) / 2
        return left, top, left + shown_width, top + shown_height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}{'!' if self.crop else ''}"


def _side(text: str, max_side: int) -> int:
    if not _SIDE.fullmatch(text) or int(text) > max_side:
        raise BadInput(f"each side must be a whole number from 1 to {max_side}")
    return int(text)
