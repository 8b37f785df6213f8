"""What the decoders hand back: an encoded picture."""

from dataclasses import dataclass

EXTENSIONS = {
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}
"""Of each media type that previews have; without the dot."""

MEDIA_TYPES = {extension: media_type for media_type, extension in EXTENSIONS.items()}


@dataclass(frozen=True)
class Picture:
    data: bytes
    media_type: str
    width: int
    height: int
    full: tuple[int, int]
    """Width and height of the whole picture that was drawn, upright."""
    animated: bool = False
    faithful: bool = True
    """Whether it shows all that was asked for: no transparency, movement or colour is lost
    because the format has none."""

    @property
    def extension(self) -> str:
        """Without the dot."""
        return EXTENSIONS[self.media_type]


@dataclass(frozen=True)
class Facts:
    """What is known of a picture before it is drawn."""

    media_type: str
    width: int
    """Pixels, of the picture as it is shown: upright."""
    height: int
    animated: bool = False
