"""
How all previews of an installation are drawn, and what a picture may cost.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    max_pixels: int = 50_000_000
    """Of the largest picture that is decoded."""
    max_frames: int = 200
    """A picture that moves for longer is shown as a still."""
    animation_seconds: float = 8.0
    """One that takes longer to redraw is shown as a still."""
    linear: bool = False
    """Whether light is averaged rather than the numbers that stand for it."""
    jpeg_quality: int = 85
    webp_quality: int = 80
    avif_quality: int = 70


STANDARD = Recipe()
