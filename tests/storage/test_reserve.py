"""Room on the disk that is reserved before bytes come."""

import errno
import os
from types import SimpleNamespace

import pytest

from uploadsvc.storage import reserve as module
from uploadsvc.storage.reserve import reserve

MANY = 8_000_000


@pytest.fixture
def fd(tmp_path):
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def blocks(fd):
    return os.fstat(fd).st_blocks * 512


def test_room_is_reserved_and_the_length_stays(fd):
    os.write(fd, b"bytes")
    reserve(fd, 5, MANY)

    assert os.fstat(fd).st_size == 5
    assert blocks(fd) >= MANY


def test_what_was_not_used_goes_back_when_the_file_is_truncated(fd):
    os.write(fd, b"bytes")
    reserve(fd, 5, MANY)
    os.ftruncate(fd, 5)

    assert blocks(fd) < MANY


def test_nothing_is_reserved_where_nothing_is_wanted(fd):
    reserve(fd, 0, 0)

    assert blocks(fd) == 0


def test_where_the_file_system_cannot_nothing_is_done(monkeypatch):
    reading, writing = os.pipe()
    try:
        # A pipe has no room to reserve (ESPIPE); what cannot is told by other errors.
        with pytest.raises(OSError, match="Illegal seek"):
            reserve(writing, 0, 10)
        with monkeypatch.context() as patched:
            patched.setattr(module, "_CANNOT", frozenset({errno.ESPIPE}))
            reserve(writing, 0, 10)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_system_without_the_call_is_left_alone(monkeypatch, fd):
    monkeypatch.setattr(module, "_libc", SimpleNamespace())
    reserve(fd, 0, MANY)

    assert blocks(fd) == 0
