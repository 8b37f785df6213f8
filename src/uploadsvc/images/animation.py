"""
Pictures that move: their frames, one after the other, each redrawn small.

How many there are is not asked for where that means reading all of them. One that has too
many, is too much to hold or takes too long is given up; its first frame can be shown.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFile

from uploadsvc.images.encoding import Movement
from uploadsvc.images.recipe import Recipe

_MOVING = ("GIF", "PNG", "WEBP", "AVIF")

_MOST_PIXELS = 16 << 20
"""Of all small frames together: 64 MB."""

_LONGEST, _OFTENEST = 655_350, 65_535
"""Milliseconds of a frame and times of the whole, as far as GIF and WebP can say them."""


@dataclass(frozen=True)
class Animation:
    image: ImageFile.ImageFile

    @classmethod
    def of(cls, image: ImageFile.ImageFile) -> "Animation | None":
        """Return the animation that an opened picture is; None when it is a still."""
        if image.format in _MOVING and getattr(image, "is_animated", False):
            return cls(image)
        return None

    def redrawn(
        self,
        draw: Callable[[Image.Image], Image.Image],
        recipe: Recipe,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> tuple[list[Image.Image], Movement] | None:
        """
        Return every frame as `draw` makes it, and how they follow each other.

        None when it is more than the recipe allows; the picture is back at its first frame.
        """
        try:
            moving = self._all(draw, recipe, clock)
        except MemoryError:
            moving = None
        if moving is None:
            self.image.seek(0)
        return moving

    def _all(
        self,
        draw: Callable[[Image.Image], Image.Image],
        recipe: Recipe,
        clock: Callable[[], float],
    ) -> tuple[list[Image.Image], Movement] | None:
        deadline = clock() + recipe.animation_seconds
        frames: list[Image.Image] = []
        durations: list[int] = []
        pixels = 0
        # An APNG may have a picture in front for those who do not know that it moves.
        skipped = 1 if getattr(self.image, "default_image", False) else 0
        self.image.seek(skipped)
        while len(frames) < recipe.max_frames and clock() < deadline:
            frame = draw(self.image.copy())
            durations.append(min(_LONGEST, round(self.image.info.get("duration", 0))))
            frames.append(frame)
            pixels += frame.width * frame.height
            if pixels > _MOST_PIXELS:
                break
            try:
                self.image.seek(skipped + len(frames))
            except EOFError:
                return frames, Movement(durations, _plays(self.image))
        return None


def _plays(image: ImageFile.ImageFile) -> int:
    """Return how often a picture that moves is shown; 0 for ever."""
    plays: int | None = image.info.get("loop")
    if image.format == "GIF":
        # Once, and as often again as it says.
        plays = 1 if plays is None else plays and plays + 1
    return plays if plays and plays <= _OFTENEST else 0
