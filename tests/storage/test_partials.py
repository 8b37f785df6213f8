"""Partials: written aside and locked; what nobody writes any more is swept."""

import contextlib
import os
import threading

import pytest

from uploadsvc.errors import Unavailable
from uploadsvc.storage import partials
from uploadsvc.storage.leftovers import LeftOver, left_over
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.locks import exclusive


@contextlib.contextmanager
def half_an_upload(root):
    """An upload that has begun, and goes on when the block ends."""
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        yield b"half"
        begun.set()
        go_on.wait(timeout=30)
        yield b"whole"

    upload = threading.Thread(target=LocalStorage(root).save, args=("a.txt", slow()))
    upload.start()
    begun.wait(timeout=30)
    try:
        yield
    finally:
        go_on.set()
        upload.join()


def test_what_a_killed_process_left_is_swept(tmp_path):
    (tmp_path / ".partial-aaaa").mkdir()
    (tmp_path / ".partial-aaaa" / "photo.jpg").write_bytes(b"half")
    (tmp_path / ".partial-bbbb").write_bytes(b"half")
    swept = [partial.name for partial in left_over(tmp_path, remove=True)]

    assert swept == [".partial-aaaa", ".partial-bbbb"]
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_only_names_it(tmp_path):
    (tmp_path / ".partial-bbbb").write_bytes(b"half")

    [found] = left_over(tmp_path, remove=False)

    assert found == LeftOver(".partial-bbbb")
    assert (tmp_path / ".partial-bbbb").exists()


def test_an_upload_that_is_being_written_is_left_alone(tmp_path):
    with half_an_upload(tmp_path):
        assert list(left_over(tmp_path, remove=True)) == []

    [stored] = LocalStorage(tmp_path)
    assert stored.size == len(b"halfwhole")


def test_nothing_else_is_swept_and_no_link_is_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    root = tmp_path / "root"
    root.mkdir()
    (root / ".hidden").write_bytes(b"x")
    (root / "AAAAAAAA").mkdir()
    (root / ".partial-link").symlink_to(outside)

    assert list(left_over(root, remove=True)) == []
    assert (outside / "file").read_bytes() == b"precious"


def test_a_published_file_is_whole_with_its_mode_and_time(tmp_path):
    partials.publish(tmp_path, "a.jpeg", b"data", mode=0o640, modified_ns=1_500_000_000_123_456_789)

    facts = (tmp_path / "a.jpeg").stat()
    assert (tmp_path / "a.jpeg").read_bytes() == b"data"
    assert facts.st_mode & 0o777 == 0o640
    assert facts.st_mtime_ns == 1_500_000_000_123_456_789
    assert os.listdir(tmp_path) == ["a.jpeg"]


def test_a_lock_keeps_everybody_else_out_until_it_is_let_go(tmp_path):
    assert met_by_20(lambda: exclusive(tmp_path, "key", patience=60)) == [0] * 20
    assert list(tmp_path.iterdir()) == []


def test_without_a_lock_they_would_meet():
    assert max(met_by_20(contextlib.nullcontext)) > 0


def met_by_20(lock):
    """How many others each of 20 threads met, of those who held the lock while it did."""
    together, inside, met = threading.Barrier(20), set(), []

    def work():
        together.wait(timeout=60)
        with lock():
            me = threading.get_ident()
            inside.add(me)
            others = set()
            for _ in range(100):
                os.sched_yield()
                others |= inside - {me}
            met.append(len(others))
            inside.discard(me)

    workers = [threading.Thread(target=work) for _ in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return met


def test_who_waits_too_long_for_a_lock_is_told_so(tmp_path):
    with (
        exclusive(tmp_path, "key", patience=1),
        pytest.raises(Unavailable),
        exclusive(tmp_path, "key", patience=0),
    ):
        pytest.fail("two held the lock")
