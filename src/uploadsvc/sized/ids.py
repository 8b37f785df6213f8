"""
What a picture is called: BASE32 of the SHA-1 of its bytes, and two digits.

The same bytes always get the same ID. The digits name the cluster that keeps them, ours is
`01`; IDs that were handed out with others are good as well.
"""

import base64
import re

from uploadsvc.errors import Missing

_CLUSTER = "01"
_ID = re.compile(r"[A-Z2-7]{32}[0-9]{2}", re.ASCII)


def image_id(sha1: bytes) -> str:
    """Return the ID of the picture whose bytes have this SHA-1 (20 bytes)."""
    return base64.b32encode(sha1).decode() + _CLUSTER


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def begins_with_id(text: str) -> bool:
    return _ID.match(text) is not None


def check_id(text: str) -> None:
    """Raise `Missing` for what can be the ID of no picture."""
    if not is_id(text):
        raise Missing("there is no such picture")
