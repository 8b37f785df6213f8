"""The first record of an upload: written in its place, since nobody knows its ID yet."""

import os
import time

import pytest

from uploadsvc.errors import Missing
from uploadsvc.storage.age import Age
from uploadsvc.storage.memory import MemoryStorage
from uploadsvc.tus.expiry import expire_uploads
from uploadsvc.tus.holding import try_hold, write_record
from uploadsvc.tus.protocol import Upload
from uploadsvc.tus.record import Record

RECORD = Record(Upload(0, 5), "AAAAAAAA")


@pytest.fixture
def path(tmp_path):
    return tmp_path / f"{'x' * 22}.record"


def test_it_is_whole_locked_and_alone(path):
    fd = write_record(path, RECORD, is_first=True)
    try:
        assert Record.read(fd) == RECORD
        assert try_hold(path) is None
        assert os.listdir(path.parent) == [path.name]
    finally:
        os.close(fd)


def test_it_never_replaces_another(path):
    os.close(write_record(path, RECORD, is_first=True))
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        write_record(path, Record(Upload(0, 7), "BBBBBBBB"), is_first=True)

    assert path.read_bytes() == before


@pytest.mark.parametrize("left", [b"", b'{"offset":       '])
def test_one_that_a_kill_left_half_is_no_upload_and_goes_in_time(path, left):
    path.write_bytes(left)
    os.utime(path, (0, 0))
    fd = try_hold(path)
    with pytest.raises(Missing):
        Record.read(fd)
    os.close(fd)
    list(expire_uploads(path.parent, MemoryStorage(), Age(now=time.time_ns(), keep=1), remove=True))

    assert os.listdir(path.parent) == []
