"""
The checksum of one piece: `Upload-Checksum` (tus, Checksum).
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from uploadsvc.errors import BadInput

ALGORITHMS = ("sha1", "sha256", "md5")


class ChecksumMismatch(BadInput):
    code = "checksum-mismatch"


@dataclass(frozen=True)
class Checksum:
    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, sent: str) -> "Checksum":
        """Raise `BadInput` for what is malformed, or of another algorithm."""
        algorithm, _, encoded = sent.partition(" ")
        if algorithm not in ALGORITHMS:
            raise BadInput(f"the algorithm of a checksum is one of {', '.join(ALGORITHMS)}")
        try:
            digest = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadInput("Upload-Checksum is not base64") from error
        if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
            raise BadInput(f"Upload-Checksum has not the length of {algorithm}")
        return cls(algorithm, digest)

    def begin(self) -> Any:
        """Return a hash to be fed with the piece."""
        # It tells transmission errors, and is no proof against those who choose the bytes.
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def check(self, fed: Any) -> None:
        """Raise `ChecksumMismatch` unless what was fed has this checksum."""
        if not hmac.compare_digest(fed.digest(), self.digest):
            raise ChecksumMismatch("the piece has another checksum; nothing of it was kept")
