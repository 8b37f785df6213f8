"""
What a file is, told from its first bytes, and from its name where those say nothing.

Only types that a browser may show are recognised by content; everything else keeps
the type of its name and is never shown inline by the endpoints. Pure: no I/O, no Pillow.
"""

import mimetypes
import re
from dataclasses import dataclass

HEAD_BYTES = 512
"""How much of the beginning of a file is enough to tell its type."""

UNKNOWN = "application/octet-stream"
_MEDIA = ("image/", "audio/", "video/")


@dataclass(frozen=True)
class Kind:
    media_type: str
    extension: str
    """Without the dot; the one given to names that have none."""


# Brands of ISO base media files (ISO/IEC 14496-12, "ftyp"): the major brand decides.
_BRANDS = {
    b"avif": Kind("image/avif", "avif"),
    b"avis": Kind("image/avif", "avif"),
    b"heic": Kind("image/heic", "heic"),
    b"heix": Kind("image/heic", "heic"),
    b"heim": Kind("image/heic", "heic"),
    b"heis": Kind("image/heic", "heic"),
    b"hevc": Kind("image/heic", "heic"),
    b"hevx": Kind("image/heic", "heic"),
    b"mif1": Kind("image/heic", "heic"),
    b"msf1": Kind("image/heic", "heic"),
    b"qt  ": Kind("video/quicktime", "mov"),
    b"M4A ": Kind("audio/mp4", "m4a"),
    b"M4V ": Kind("video/mp4", "mp4"),
    b"isom": Kind("video/mp4", "mp4"),
    b"iso2": Kind("video/mp4", "mp4"),
    b"iso5": Kind("video/mp4", "mp4"),
    b"iso6": Kind("video/mp4", "mp4"),
    b"mp41": Kind("video/mp4", "mp4"),
    b"mp42": Kind("video/mp4", "mp4"),
    b"avc1": Kind("video/mp4", "mp4"),
    b"dash": Kind("video/mp4", "mp4"),
    b"3gp4": Kind("video/3gpp", "3gp"),
    b"3gp5": Kind("video/3gpp", "3gp"),
    b"3gp6": Kind("video/3gpp", "3gp"),
}

_SIGNATURES = [
    (rb"\xff\xd8\xff", Kind("image/jpeg", "jpeg")),
    (rb"\x89PNG\r\n\x1a\n", Kind("image/png", "png")),
    (rb"GIF8[79]a", Kind("image/gif", "gif")),
    (rb"RIFF.{4}WEBPVP8[ LX]", Kind("image/webp", "webp")),
    (rb"RIFF.{4}WAVE", Kind("audio/wav", "wav")),
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+", Kind("image/tiff", "tiff")),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", Kind("image/bmp", "bmp")),
    (rb"\xff\x0a", Kind("image/jxl", "jxl")),
    (rb"\0\0\0\x0cJXL \r\n\x87\n", Kind("image/jxl", "jxl")),
    (rb"\x1a\x45\xdf\xa3.{0,60}webm", Kind("video/webm", "webm")),
    (rb"OggS\0", Kind("audio/ogg", "ogg")),
    (rb"fLaC\0", Kind("audio/flac", "flac")),
    (rb"ID3[\x02-\x04]", Kind("audio/mpeg", "mp3")),
    (rb"\xff[\xfb\xf3\xf2][\x10-\xef]", Kind("audio/mpeg", "mp3")),
]

# One expression for all, since most files are none of these; its groups are in their order.
_SIGNATURE = re.compile(b"|".join(b"(%s)" % start for start, _ in _SIGNATURES), re.DOTALL)

# Told by a decoder; browsers do not show them.
_MORE_PICTURES = {
    "image/jp2": "jp2",
    "image/vnd.adobe.photoshop": "psd",
    "image/x-icon": "ico",
}

IMAGE_EXTENSIONS = frozenset({"jpeg", "png", "gif", "webp", "avif", "heic", "tiff", "bmp", "jxl"})
"""The extensions that a name without a dot may be given."""


def recognise(head: bytes) -> Kind | None:
    """Return what the first bytes say, or None when they say nothing we know."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    found = _SIGNATURE.match(head)
    return _SIGNATURES[found.lastindex - 1][1] if found and found.lastindex else None


def media_type(head: bytes, name: str) -> str:
    """
    Return the media type of a file: by content first, by name second.

    A name never makes a file a picture, a sound or a film that its bytes are not.
    """
    kind = recognise(head)
    if kind is not None:
        return kind.media_type
    guessed, encoding = mimetypes.guess_type(name.lower(), strict=True)
    if guessed is None or encoding is not None:
        return UNKNOWN
    return UNKNOWN if is_media(guessed) else guessed


def is_media(media_type: str) -> bool:
    """Whether a type is a raster image, a sound or a film: what a browser may show."""
    return media_type.startswith(_MEDIA) and media_type != "image/svg+xml"


def image_extension(head: bytes) -> str | None:
    """Return the extension for a nameless image, or None when it is no image we know."""
    kind = recognise(head)
    return kind.extension if kind and kind.extension in IMAGE_EXTENSIONS else None


def picture_extension(media_type: str) -> str:
    """Return the extension, without dot, of a picture's type; empty when it is none we know."""
    kinds = (*_BRANDS.values(), *(kind for _, kind in _SIGNATURES))
    known = {kind.media_type: kind.extension for kind in kinds} | _MORE_PICTURES
    return known.get(media_type, "")
