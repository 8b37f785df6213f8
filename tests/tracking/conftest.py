"""Watched uploads in a folder of their own, fed by hand."""

import pytest

from uploadsvc.tracking import TrackedUploads
from uploadsvc.tracking.attempt import Incoming

PHOTO = Incoming("photo.jpg", "image/jpeg", before=100, expected=0)


@pytest.fixture
def uploads(tmp_path):
    return TrackedUploads(tmp_path)


@pytest.fixture
def take():
    """`take(uploads, "id", chunks)` takes an upload whose request has `size` bytes in all."""

    def upload(uploads, identifier, chunks, *, size=1000, incoming=PHOTO, store=None):
        with uploads.attempt(identifier, size=size) as attempt:
            attempt.take(incoming, chunks, received=lambda: size or 1000, store=store)
        return uploads.access_upload_bucket(identifier)

    return upload


@pytest.fixture
def files(tmp_path):
    """`files()` are the names of all files in the folder."""
    return lambda: sorted(path.name for path in tmp_path.iterdir())
