"""
Failures, remembered for a short while, so that one bad source is not asked again and again.

They are small files beside the previews, swept like these, so every process and host
that shares the directory knows of them.
"""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from uploadsvc.errors import UploadsvcError, family

_SUFFIX = ".failed"


class Failures:
    def __init__(
        self,
        directory: Path,
        *,
        seconds: float = 60,
        added: Callable[[int], None] = lambda size: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """A failure is remembered for `seconds`. `added` is told the bytes of each note."""
        self._directory = directory
        self._seconds = seconds
        self._added = added
        self._now = now

    def remember(self, key: str, error: UploadsvcError) -> None:
        """Remember the error under the key. A disk that is full forgets it: no harm done."""
        note = json.dumps({"at": self._now(), "code": error.code, "sentence": str(error)})
        # Not made durable: it is worth nothing after a power cut.
        with contextlib.suppress(OSError):
            self._path(key).write_text(note)
            self._added(len(note))

    def forget_old(self) -> None:
        """Remove the notes of failures that nobody is told of any more."""
        for note in self._directory.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                if self._now() - note.stat().st_mtime > self._seconds:
                    note.unlink()

    def check(self, key: str) -> None:
        """Raise the error that is remembered under the key, if there is one."""
        try:
            note = json.loads(self._path(key).read_text())
            age = self._now() - note["at"]
            code, sentence = str(note["code"]), str(note["sentence"])
        except (OSError, ValueError, KeyError, TypeError):
            # None there, or half of one: written at this very moment, or cut by a kill.
            return
        if not 0 <= age < self._seconds:
            return
        kind = next((kind for kind in family() if kind.code == code), None)
        if kind is not None:
            raise kind(sentence)

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}{_SUFFIX}"
