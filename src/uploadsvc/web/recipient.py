"""
The contact that a file is for, as a client names it (a JID).
"""

import re

from uploadsvc.errors import BadInput

_MAX_JID_BYTES = 3071  # RFC 7622 3.1: three parts of 1023 bytes, and two separators
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_recipient(to: str) -> None:
    """Raise `BadInput` for what could not be handed on to the client's script."""
    if len(to.encode()) > _MAX_JID_BYTES:
        raise BadInput(f"to is longer than {_MAX_JID_BYTES} bytes")
    if _CONTROL.search(to):
        raise BadInput("to holds a control character")
