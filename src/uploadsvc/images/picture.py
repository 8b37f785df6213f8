"""What the decoders hand back: an encoded picture."""

from dataclasses import dataclass

EXTENSIONS = {"image/jpeg": "jpeg", "image/png": "png"}
"""Of each media type that previews have; without the dot."""


@dataclass(frozen=True)
class Picture:
    data: bytes
    media_type: str
    width: int
    height: int

    @property
    def extension(self) -> str:
        """Without the dot."""
        return EXTENSIONS[self.media_type]
