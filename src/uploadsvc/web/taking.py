"""
Takes the one file of a form into a watched upload, as it comes.

Where uploads are stored, a finished one becomes a stored file, with the life that the request
asks for; its SHA-256 is made while it comes, for those who will be told of it in JSON.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webob import Request

from uploadsvc.errors import TooLarge
from uploadsvc.storage import Key
from uploadsvc.storage.names import safe_name
from uploadsvc.tracking import TrackedUploads
from uploadsvc.tracking.attempt import Attempt, Incoming
from uploadsvc.uploads import Received
from uploadsvc.web.errors import accepts_json
from uploadsvc.web.expires import asked_life
from uploadsvc.web.forms import FileForm
from uploadsvc.web.query import parameters

Store = Callable[[Path, str, timedelta | None], Received]
"""Keeps a file as a stored one, by the name that was sent, for so long; leaves it where it is."""


@dataclass(frozen=True)
class Taking:
    """How uploads are taken."""

    uploads: TrackedUploads
    max_request: int | None = None
    """Bytes of a whole request; None for no limit."""
    max_file: int | None = None
    """Bytes of a file; None for no limit."""
    store: Store | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def take(self, request: Request, identifier: str) -> Received | None:
        """
        Take the file; return what was stored, None where uploads are not.

        Raise `BadInput`, `TooLarge` (before the body is read where its length tells), `NoRoom`
        and their like; the upload is an error then, and nothing of it is kept.
        """
        with self.uploads.attempt(identifier, size=request.content_length) as attempt:
            self._check(request.content_length or 0)
            limit = min(self.max_request or sys.maxsize, self.max_file or sys.maxsize)
            form = FileForm(request, field=None, limit=limit, prompt=True)
            if self.store is not None:
                return self._take_and_store(request, form, attempt, self.store)
            _take(attempt, form, form.open(), self._counted(form))
            return None

    def _take_and_store(
        self, request: Request, form: FileForm, attempt: Attempt, store: Store
    ) -> Received:
        query = parameters(request)

        def life() -> timedelta | None:
            return asked_life(request, query, form.fields, now=self.now)

        # Before anything is read, as far as it is known by then.
        life()
        name = form.open()
        digest = hashlib.sha256() if accepts_json(request) else None
        stored: list[Received] = []

        def keep(file: Path) -> Key:
            stored.append(store(file, name, life()))
            return stored[0].stored.key

        chunks = self._counted(form)
        _take(attempt, form, name, _hashing(chunks, digest.update) if digest else chunks, keep)
        return replace(stored[0], sha256=digest.hexdigest() if digest else None)

    def _counted(self, form: FileForm) -> Iterator[bytes]:
        for chunk in form.chunks():
            self._check(form.received)
            yield chunk
        # Fields may have come after the file.
        self._check(form.received)

    def _check(self, size: int) -> None:
        if self.max_request and size > self.max_request:
            raise TooLarge(f"the upload is larger than {self.max_request} bytes")


def _take(
    attempt: Attempt,
    form: FileForm,
    name: str,
    chunks: Iterable[bytes],
    store: Callable[[Path], Key] | None = None,
) -> None:
    attempt.take(
        Incoming(safe_name(name), form.media_type, form.before, form.expected),
        chunks,
        received=lambda: form.received,
        store=store,
    )


def _hashing(chunks: Iterable[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk
