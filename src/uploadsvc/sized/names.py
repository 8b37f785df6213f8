"""
Named sizes: those that every installation has, and more by setting.
"""

import re
from collections.abc import Iterable, Mapping

from uploadsvc.errors import BadInput, BadSettings
from uploadsvc.images import Size

NAMED: Mapping[str, Size] = {
    "mini": Size(23, 40),
    "thumb": Size(50, 200),
    "sidebar": Size(179, 600),
    "small": Size(240, 160),
    "medium": Size(480, 320),
    "full": Size(477, 800),
    "vga": Size(640, 480),
    "svga": Size(800, 600),
    "xvga": Size(1024, 768),
    "square": Size(75, 75, crop=True),
}

ORIGINAL = "o"
"""What stands in a URL where the size would: the picture as it was saved."""

_LARGEST = 9999
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


def named_sizes(listed: Iterable[str]) -> dict[str, Size]:
    """
    Return all named sizes; `listed` are more of them, or others in their place, each like
    `name=640x480` or `name=75x75!`. Raise `BadSettings` for what is not.
    """
    more = {}
    for entry in listed:
        name, _, size = entry.partition("=")
        if not _NAME.fullmatch(name) or name == ORIGINAL:
            raise BadSettings(
                f"named_sizes: {name!r} cannot be the name of a size: that is a small letter, "
                f"then letters, digits, _ or -, and not {ORIGINAL!r}"
            )
        more[name] = _size(entry, size)
    return {**NAMED, **more}


def _size(entry: str, size: str) -> Size:
    try:
        return Size.read(size, max_side=_LARGEST)
    except BadInput as error:
        raise BadSettings(
            f"named_sizes: {entry!r} must be like 'name=640x480!': {error}"
        ) from error
