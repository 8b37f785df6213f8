"""
The decoders, and how they draw, built from the settings.
"""

import os
from datetime import timedelta

from uploadsvc.images import Decoders, Recipe
from uploadsvc.settings import Settings

# What is left is for the still that is drawn instead.
_SHARE_FOR_MOVEMENT = 0.4
_LONGEST_MOVEMENT = timedelta(seconds=8)


def build_decoders(settings: Settings) -> Decoders:
    """Build the pool of decoder processes; nothing is started."""
    moving = min(_LONGEST_MOVEMENT, settings.decode_seconds * _SHARE_FOR_MOVEMENT)
    return Decoders(
        workers=settings.decoders or os.cpu_count() or 1,
        memory=settings.decode_memory,
        seconds=settings.decode_seconds.total_seconds(),
        recipe=Recipe(
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            animation_seconds=moving.total_seconds(),
            linear=settings.linear_light,
            jpeg_quality=settings.jpeg_quality,
            webp_quality=settings.webp_quality,
            avif_quality=settings.avif_quality,
        ),
        queue=settings.decoder_queue,
    )
