"""
All uploads of a folder: their identifiers, and each of them by its own.

This is what an application finds in its environ to make up identifiers and to reach uploads.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from uploadsvc.storage import Key
from uploadsvc.tracking.attempt import Attempt
from uploadsvc.tracking.identifiers import Identifiers
from uploadsvc.tracking.records import Records
from uploadsvc.tracking.upload import TrackedUpload


class TrackedUploads:
    def __init__(
        self,
        root: Path,
        *,
        keys: Sequence[str] = (),
        upload_url: str | None = None,
        file_mode: int = 0o644,
        check_room: Callable[[int], None] = lambda incoming: None,
        path_of: Callable[[Key], Path | None] = lambda key: None,
        remove: Callable[[Key], None] = lambda key: None,
    ) -> None:
        """
        `root` must exist, and is shared by all that tell of the same uploads.

        With `keys` identifiers are signed. `upload_url` is where uploads are sent, when not to
        this application. `check_room` is asked before so many more bytes are kept, and raises to
        refuse them. `path_of` and `remove` are for finished uploads that became stored files.
        """
        self.upload_url = upload_url
        self._identifiers = Identifiers(keys)
        self._records = Records(root, file_mode)
        self._check_room = check_room
        self._path_of = path_of
        self._remove = remove

    def create_identifier(self) -> str:
        """Return a new identifier, signed when there is a key."""
        return self._identifiers.create()

    def verify_identifier(self, identifier: str) -> bool:
        """Whether uploads may go by this identifier."""
        return self._identifiers.verify(identifier)

    def access_upload_bucket(self, identifier: str) -> TrackedUpload | None:
        """Return the upload; None when none has begun, and for what does not verify."""
        if not self.verify_identifier(identifier) or self._records.read(identifier) is None:
            return None
        return self.upload(identifier)

    def clear_upload_bucket(self, identifier: str) -> None:
        """Delete the upload; deleting what is not there is not an error."""
        if upload := self.access_upload_bucket(identifier):
            upload.clear_upload()

    def upload(self, identifier: str) -> TrackedUpload:
        """Return the upload of an identifier that was verified, begun or not."""
        return TrackedUpload(identifier, self._records, path_of=self._path_of, remove=self._remove)

    @contextlib.contextmanager
    def attempt(self, identifier: str, *, size: int | None) -> Iterator[Attempt]:
        """
        Have an attempt at the upload for the body of the `with`; `size` is that of the request.

        What is raised in it is what the upload failed by; nothing is kept then.
        """
        attempt = Attempt(
            self._records,
            identifier,
            size=size,
            check_room=self._check_room,
            remove=self._remove,
        )
        try:
            yield attempt
        except BaseException as error:
            attempt.fail(error)
            raise
        finally:
            attempt.close()
