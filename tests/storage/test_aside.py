"""The folder aside: closed until it is whole, and what it holds begins its life when it is."""

import os
import stat
import time

import pytest

from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.partials import StorageFailed

DAY_NS = 86400 * 10**9


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def watched(root, look):
    """The chunks of an upload; between two of them `look` is called with its file."""
    yield b"half"
    [file] = root.glob(".partial-*/*")
    look(file)
    yield b"whole"


@pytest.mark.parametrize(
    ("file_mode", "dir_mode"),
    [(0o644, 0o755), (0o666, 0o2777), (0o600, 0o700), (0o440, 0o550), (0o664, 0o1775)],
)
def test_modes_are_as_they_are_set_whatever_the_umask(tmp_path, umask, file_mode, dir_mode):
    storage = LocalStorage(tmp_path, file_mode=file_mode, dir_mode=dir_mode)
    path = storage.path(storage.save("a.txt", [b"x"]).key)

    assert mode(path) == file_mode
    assert mode(path.parent) == dir_mode


def test_its_folder_is_closed_to_others_until_it_is_whole(tmp_path, umask):
    seen = []
    storage = LocalStorage(tmp_path, file_mode=0o666, dir_mode=0o777)
    storage.save("a.txt", watched(tmp_path, lambda file: seen.append(mode(file.parent) & 0o077)))

    assert seen == [0]


@pytest.mark.parametrize("written", [-DAY_NS, -2 * 10**9, 2 * 10**9, DAY_NS])
def test_its_life_begins_now_however_long_ago_it_was_written(tmp_path, written):
    def chunks():
        yield b"x"
        [file] = tmp_path.glob(".partial-*/*")
        # As if its last bytes had come then, or the clock had been set since.
        then = time.time_ns() + written
        os.utime(file, ns=(then, then))

    before = time.time_ns()
    storage = LocalStorage(tmp_path)
    stored = storage.save("a.txt", chunks())

    assert before <= stored.stored_ns <= time.time_ns()
    assert storage.find(stored.key) == stored


def test_one_that_was_written_just_now_is_told_as_it_is_found(tmp_path):
    storage = LocalStorage(tmp_path)
    before = time.time_ns()
    stored = storage.save("a.txt", [b"one ", b"two"])

    # A file system's clock may be behind by one of its ticks.
    assert before - 10**9 < stored.stored_ns <= time.time_ns()
    assert storage.find(stored.key) == stored


def test_a_root_that_is_put_in_the_place_of_another_is_the_one_that_is_used(tmp_path):
    root = tmp_path / "Storage"
    root.mkdir()
    storage = LocalStorage(root)
    storage.save("a.txt", [b"old"])
    root.rename(tmp_path / "old")
    with pytest.raises(StorageFailed):
        storage.save("a.txt", [b"nowhere"])
    root.mkdir()
    stored = storage.save("a.txt", [b"new"])

    assert storage.path(stored.key).read_bytes() == b"new"
    assert len(list((tmp_path / "old").iterdir())) == 1


def test_nothing_stays_open(tmp_path):
    storage = LocalStorage(tmp_path)
    before = os.listdir("/proc/self/fd")
    storage.save("a.txt", [b"x"])
    with pytest.raises(ConnectionError):
        storage.save("a.txt", broken_off())
    with pytest.raises(StorageFailed):
        LocalStorage(tmp_path / "missing").save("a.txt", [b"x"])

    assert os.listdir("/proc/self/fd") == before


def broken_off():
    yield b"x"
    raise ConnectionError
