"""
What a preview of a picture is to be: how large, in which format, and whether it may move.
"""

from dataclasses import dataclass
from typing import Literal

from uploadsvc.images.sizes import Size

Format = Literal["auto", "avif-or-webp", "avif", "gif", "jpeg", "png", "webp"]
"""
"auto" is what every client can show: JPEG, PNG where something shows through, GIF where
something moves. "avif-or-webp" is AVIF, or WebP where something moves.
"""


@dataclass(frozen=True)
class Variant:
    size: Size
    format: Format = "auto"
    still: bool = False
    """Only the first frame of what moves."""
    full: tuple[int, int] | None = None
    """Width and height of the whole picture, upright, where it is drawn from a preview of it."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions, without dot, that it may come to have."""
        if self.format == "auto":
            return "jpeg", "png", "gif"
        if self.format == "avif-or-webp":
            return "avif", "webp"
        return (self.format,)
