"""
Signatures: what we signed is known again, and nothing else is.

HMAC-SHA256 (RFC 2104) over the purpose and the fields, each with its length before it, so
that none runs into the next and no signature serves for anything else. Of several keys the
first one signs and all of them verify: a new key is put first, and the old one is taken away
when nothing that it signed is needed any more. What is to expire has its time among its fields.

A key has 32 characters or more and is made by chance: what is repeated, and what stands in
manuals and examples, is refused wherever a key comes from.
"""

import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Sequence

from uploadsvc.errors import BadSettings

SHORTEST_KEY = 32
"""Characters."""

_FEWEST = 6
"""Different characters. Of 32 digits by chance one key in ten million has fewer."""

_EXAMPLES = (
    "changeme", "secret", "password", "passphrase", "example", "default", "placeholder",
    "replace", "insecure", "yourkey", "signingkey",
)  # fmt: skip
"""What only keys in manuals hold, in letters and digits: by chance one in a million does."""

_BYTES = 18
"""Of the HMAC: 144 bits, which base64 writes in whole characters."""

LENGTH = _BYTES * 4 // 3
"""Characters of a signature: letters, digits, `-` and `_`."""


def check_key(key: str, *, setting: str = "signing_keys") -> None:
    """
    Raise `BadSettings` for a key that is short, or that somebody could guess.

    The sentence begins with the `setting`, and holds nothing of the key.
    """
    if len(key) < SHORTEST_KEY:
        raise BadSettings(f"{setting}: each must have {SHORTEST_KEY} characters or more")
    if len(set(key)) < _FEWEST or _is_periodic(key):
        raise BadSettings(f"{setting}: one repeats itself; it must be made by chance")
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    if found := next((word for word in _EXAMPLES if word in plain), None):
        raise BadSettings(
            f"{setting}: one holds {found!r}, as examples do; it must be made by chance"
        )


class Signer:
    def __init__(self, keys: Sequence[str], *, purpose: str, setting: str = "signing_keys") -> None:
        """
        Raise `BadSettings`, which names the `setting`, when there is no key, or one that
        could be guessed.
        """
        if not keys:
            raise BadSettings(f"{setting}: there is no key to sign with")
        for key in keys:
            check_key(key, setting=setting)
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


def _is_periodic(key: str) -> bool:
    """Whether the key is a shorter text, again and again."""
    return any(key[period:] == key[:-period] for period in range(1, len(key) // 2 + 1))
