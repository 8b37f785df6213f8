"""
What an upload is called by the page that watches it: made up by the page, or signed by us.

An identifier has 1 to 200 letters, digits, `:` and `-`. With keys only signed ones count,
`ID:HEX`: HMAC-SHA256 (RFC 2104) over ID. The first key signs, all of them verify. Whoever
knows an identifier may watch, replace and clear its upload, so those we make cannot be guessed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence

from uploadsvc.signing import check_key

_SETTING = "upload_keys"
_LONGEST = 200
_ALLOWED = re.compile(r"[A-Za-z0-9:-]+")


class Identifiers:
    def __init__(
        self, keys: Sequence[str] = (), *, new: Callable[[], str] = lambda: secrets.token_hex(16)
    ) -> None:
        """
        Without `keys` every well-formed identifier counts. `new` makes up an ID.

        Raise `BadSettings` for a key that could be guessed.
        """
        for key in keys:
            check_key(key, setting=_SETTING)
        self._keys = [key.encode() for key in keys]
        self._new = new

    def create(self) -> str:
        """Return a new identifier, signed when there is a key."""
        identifier = self._new()
        return f"{identifier}:{_sign(self._keys[0], identifier)}" if self._keys else identifier

    def verify(self, identifier: str) -> bool:
        """Whether uploads may go by this identifier."""
        if len(identifier) > _LONGEST or not _ALLOWED.fullmatch(identifier):
            return False
        if not self._keys:
            return True
        signed, _, signature = identifier.rpartition(":")
        # Texts are compared, not what they decode to: there is one way to write a signature.
        # All keys are tried, so that the time tells nothing of which one it was.
        matches = [hmac.compare_digest(signature, _sign(key, signed)) for key in self._keys]
        return bool(signed) and any(matches)


def _sign(key: bytes, identifier: str) -> str:
    return hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()
