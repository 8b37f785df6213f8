"""
How large a preview may be.

A `Size` is a box that a preview fits in: the aspect ratio is kept, nothing is enlarged.
"""

import re
from dataclasses import dataclass
from typing import Self

from uploadsvc.errors import BadInput

# Four ASCII digits are enough for every limit that makes sense; `int` alone would take
# "+5", " 5 ", "1_000" and the digits of other scripts.
_SIDE = re.compile(r"[1-9][0-9]{0,3}")


@dataclass(frozen=True)
class Size:
    """A box, in pixels."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise BadInput("each side must be at least 1 pixel")

    @classmethod
    def parse(cls, x: str, y: str, *, max_side: int) -> Self:
        """Read the sides as a client wrote them; raise `BadInput` if they are not sizes."""
        return cls(_side(x, max_side), _side(y, max_side))

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the largest size of a `width` x `height` picture that fits in this box."""
        if width <= self.width and height <= self.height:
            return width, height
        if width * self.height >= height * self.width:
            return self.width, max(1, round(height * self.width / width))
        return max(1, round(width * self.height / height)), self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def _side(text: str, max_side: int) -> int:
    if not _SIDE.fullmatch(text) or int(text) > max_side:
        raise BadInput(f"each side must be a whole number from 1 to {max_side}")
    return int(text)
