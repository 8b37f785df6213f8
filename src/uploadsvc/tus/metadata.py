"""
What a client says of its file: `Upload-Metadata` (tus, Creation).

Pairs of a key and a value in base64, separated by commas; a value may be missing. It is given
back as it was sent, and what the service uses of it is text.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from uploadsvc.errors import BadInput

_LONGEST = 8000
# A key is ASCII without space and comma.
_KEY = re.compile(r"[!-+\--~]+", re.ASCII)


@dataclass(frozen=True)
class Metadata:
    sent: str = ""
    pairs: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def parse(cls, sent: str) -> "Metadata":
        """Raise `BadInput` for what is malformed, or names a key twice."""
        sent = sent.strip()
        if not sent:
            return cls()
        if len(sent) > _LONGEST:
            raise BadInput("Upload-Metadata is too long")
        pairs = tuple(_pair(item.strip(" ")) for item in sent.split(","))
        if len(dict(pairs)) < len(pairs):
            raise BadInput("Upload-Metadata names a key twice")
        return cls(sent, pairs)

    def text(self, *keys: str) -> str | None:
        """Return the value of the first of these keys that has one; None where none does."""
        values = dict(self.pairs)
        for key in keys:
            if values.get(key):
                try:
                    return values[key].decode()
                except UnicodeDecodeError as error:
                    raise BadInput(f"{key} in Upload-Metadata is not UTF-8") from error
        return None


def _pair(item: str) -> tuple[str, bytes]:
    key, _, value = item.partition(" ")
    if not _KEY.fullmatch(key):
        raise BadInput("Upload-Metadata has a malformed key")
    try:
        return key, base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("Upload-Metadata has a value that is not base64") from error
