"""
Signatures: what we signed is known again, and nothing else is.

HMAC-SHA256 (RFC 2104) over the purpose and the fields, each with its length before it, so
that none runs into the next and no signature serves for anything else. Of several keys the
first one signs and all of them verify: a new key is put first, and the old one is taken away
when nothing that it signed is needed any more. What is to expire has its time among its fields.
"""

import base64
import hashlib
import hmac
import struct
from collections.abc import Sequence

from uploadsvc.errors import BadSettings

SHORTEST_KEY = 32
"""Characters."""

_BYTES = 18
"""Of the HMAC: 144 bits, which base64 writes in whole characters."""

LENGTH = _BYTES * 4 // 3
"""Characters of a signature: letters, digits, `-` and `_`."""


class Signer:
    def __init__(self, keys: Sequence[str], *, purpose: str) -> None:
        """Raise `BadSettings` when there is no key, or one that could be guessed."""
        if not keys:
            raise BadSettings("signing_keys: there is no key to sign with")
        if any(len(key) < SHORTEST_KEY for key in keys):
            raise BadSettings(f"signing_keys: each must have {SHORTEST_KEY} characters or more")
        self._keys = [key.encode() for key in keys]
        self._purpose = purpose

    def sign(self, *fields: str) -> str:
        """Return the signature of the fields: `LENGTH` characters."""
        return self._signature(self._keys[0], fields)

    def all(self, *fields: str) -> list[str]:
        """Return every signature that is right for the fields, one for each key."""
        return [self._signature(key, fields) for key in self._keys]

    def is_right(self, signature: str, *fields: str) -> bool:
        """Whether one of the keys gives this signature for the fields."""
        given = signature.encode("utf-8", "surrogatepass")
        # Texts are compared, not what they decode to: there is one way to write each. All
        # keys are tried, so that the time tells nothing of which one it was.
        matches = [hmac.compare_digest(given, each.encode()) for each in self.all(*fields)]
        return any(matches)

    def _signature(self, key: bytes, fields: tuple[str, ...]) -> str:
        mac = hmac.new(key, digestmod=hashlib.sha256)
        for field in (self._purpose, *fields):
            data = field.encode("utf-8", "surrogatepass")
            mac.update(struct.pack(">Q", len(data)) + data)
        return base64.urlsafe_b64encode(mac.digest()[:_BYTES]).decode()
