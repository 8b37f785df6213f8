"""
The URLs of pictures, built and read: `/[SIGNATURE/]SIZE/ID[/any-name][.EXTENSION]`.

An `Address` is what such a path says. The name is decoration, for readers and search
engines, and counts for nothing. Pure: whether there is such a picture, and whether it may be
had at that size, is for others to say.
"""

import re
import unicodedata
from dataclasses import dataclass

from uploadsvc.errors import BadInput, Missing
from uploadsvc.links import quote_name
from uploadsvc.sized.ids import begins_with_id, check_id, is_id
from uploadsvc.sized.names import ORIGINAL

EXTENSIONS = {
    "jpeg": "jpeg",
    "jpg": "jpeg",
    "png": "png",
    "gif": "gif",
    "webp": "webp",
    "avif": "avif",
}
"""Those that fix the format of a sized picture, and how each is written in its file's name."""

_EXPECTED = f"the extension must be one of {', '.join(EXTENSIONS)}"
_LONGEST_NAME = 80
_SAFE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SIZE = re.compile(r"[A-Za-z0-9_-]+!?", re.ASCII)


@dataclass(frozen=True)
class Address:
    size: str
    """The name of a size, `WxH`, `WxH!`, or `o` for the original."""
    image: str
    """Its ID."""
    name: str = ""
    """Decoration, without extension."""
    extension: str = ""
    """Without dot. That of an original is decoration too."""
    signature: str = ""

    def __post_init__(self) -> None:
        """Raise `Missing` or `BadInput` for what no such path could say."""
        check_id(self.image)
        if not _SIZE.fullmatch(self.size):
            raise BadInput("a size is like 320x240, or 320x240! to fill it, or has a name")
        if self.signature and not _SAFE.fullmatch(self.signature):
            raise Missing("there is no such picture")
        if "/" in self.name or "/" in self.extension or "." in self.extension:
            raise Missing("there is no such picture")
        if "." in self.name and not self.extension:
            raise BadInput("a name with a dot needs an extension behind it")
        if self.extension and not self.is_original and self.extension not in EXTENSIONS.values():
            raise BadInput(_EXPECTED)

    @property
    def is_original(self) -> bool:
        return self.size == ORIGINAL

    @classmethod
    def parse(cls, path: str) -> "Address":
        """
        Return what a path says; it begins with a slash, its percent-encoding is undone.

        Raise `Missing` for what is no such path, and `BadInput` for a size or an extension
        that none can have.
        """
        first, *segments = path.removeprefix("/").split("/")
        signature = ""
        if segments and not _names_id(segments[0]):
            signature, first = first, segments.pop(0)
        if not segments or not _names_id(segments[0]) or len(segments) > 2 or not segments[-1]:
            raise Missing("there is no such picture")
        image, *rest = segments
        if rest:
            name, dot, extension = _split(rest[0])
        else:
            image, dot, extension = image.partition(".")
            name = ""
        if dot and first != ORIGINAL:
            if extension not in EXTENSIONS:
                raise BadInput(_EXPECTED)
            extension = EXTENSIONS[extension]
        return cls(first, image, name, extension, signature)

    @property
    def path(self) -> str:
        """The path, percent-encoded, with a slash at its beginning."""
        ending = f".{quote_name(self.extension)}" if self.extension else ""
        decoration = f"/{quote_name(self.name)}" if self.name else ""
        signature = f"/{self.signature}" if self.signature else ""
        return f"{signature}/{self.size}/{self.image}{decoration}{ending}"


def claims(path: str) -> bool:
    """Whether a path, its percent-encoding undone, is one of those that this module is about."""
    first, *rest = path.removeprefix("/").split("/")
    return first == ORIGINAL or any(map(begins_with_id, rest[:2]))


def readable(title: str) -> str:
    """Return a title as it decorates a URL: letters and digits of any script, and dashes."""
    text = unicodedata.normalize("NFC", title)
    # Letters, digits, and the marks that some scripts put on them.
    kept = (each if unicodedata.category(each)[0] in "LNM" else " " for each in text)
    name = "-".join("".join(kept).split())
    if len(name) > _LONGEST_NAME:
        name = name[:_LONGEST_NAME].rpartition("-")[0] or name[:_LONGEST_NAME]
    return name


def _names_id(segment: str) -> bool:
    return is_id(segment.partition(".")[0])


def _split(segment: str) -> tuple[str, str, str]:
    stem, dot, extension = segment.rpartition(".")
    return (stem, dot, extension) if dot else (segment, "", "")
