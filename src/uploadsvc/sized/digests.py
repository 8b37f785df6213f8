"""
What the bytes that go by add up to: the ID that they give, and the proof that it is theirs.
"""

import hashlib
from collections.abc import Iterable, Iterator

from uploadsvc.sized.ids import image_id


class Digests:
    def __init__(self) -> None:
        # For the name, which is the old one, and not for security: that is what SHA-256 is for.
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._sha1.update(chunk)
            self._sha256.update(chunk)
            yield chunk

    @property
    def id(self) -> str:
        return image_id(self._sha1.digest())

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()
