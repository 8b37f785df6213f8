"""
What is written down of an upload: when it begins and when it ends, and never between.

How much has come meanwhile is the size of the file that its data goes to.
"""

import json
from dataclasses import dataclass
from typing import Literal, Self

State = Literal["uploading", "done", "error"]


@dataclass(frozen=True)
class Record:
    identifier: str
    state: State
    size: int | None = None
    """Bytes of the request; None when it came in chunks."""
    filename: str | None = None
    media_type: str | None = None
    """As the client said it."""
    data: str | None = None
    """The file beside the record that holds the data, or will."""
    before: int = 0
    """Bytes of the request before its file."""
    received: int = 0
    """Bytes of the request, when it came to an end."""
    kept: str | None = None
    """`FOLDER/NAME` of the stored file that a finished upload became."""
    error: str | None = None
    """Why it failed, as a sentence for the client."""

    def dump(self) -> bytes:
        return json.dumps(vars(self)).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """Return the record; None for one that a loss of power tore."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError):
            return None

    def came(self, data: int) -> int:
        """Return how many bytes of the request have come when its data has so many."""
        came = self.before + data
        return came if self.size is None else min(came, self.size)

    def status(self) -> dict[str, object]:
        """Return what is told of the upload."""
        told: dict[str, object] = {
            "identifier": self.identifier,
            "filename": self.filename,
            "content-type": self.media_type,
            "size": self.size,
            "received": self.received,
            "state": self.state,
        }
        return told if self.error is None else told | {"error": self.error}


def not_seen(identifier: str) -> dict[str, object]:
    """Return what is told of an upload of which nothing has come yet."""
    return Record(identifier, "uploading").status() | {"state": "starting"}
