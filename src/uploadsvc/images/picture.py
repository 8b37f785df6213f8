"""What the decoders hand back: an encoded picture."""

from dataclasses import dataclass

_EXTENSIONS = {"image/jpeg": "jpeg", "image/png": "png"}


@dataclass(frozen=True)
class Picture:
    data: bytes
    media_type: str
    width: int
    height: int

    @property
    def extension(self) -> str:
        """Without the dot."""
        return _EXTENSIONS[self.media_type]
