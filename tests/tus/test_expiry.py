"""The cleaner among unfinished uploads: what is over goes, what somebody is at stays."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from aging import DAY
from unfinished import add, creation
from uploadsvc import cleaner
from uploadsvc.errors import Missing
from uploadsvc.storage.age import Age
from uploadsvc.storage.local import LocalStorage
from uploadsvc.tus import expiry
from uploadsvc.tus.holding import Held, try_hold
from uploadsvc.tus.protocol import Append

HOUR = timedelta(hours=1)


@pytest.fixture
def clean(data):
    def clean(later, **options):
        now = datetime.now(UTC) + later
        options = {"keep": DAY, "keep_partial": HOUR} | options
        return list(cleaner.clean(data, now=now, **options))

    return clean


def names(data):
    return sorted(path.name for path in data.uploads.iterdir())


def test_an_unfinished_upload_goes_after_its_time(uploads, data, clean):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello")

    assert clean(timedelta(minutes=59)) == []
    assert clean(timedelta(minutes=61)) == [f"removed Uploads/{id}, 5 bytes", "gone: 1"]
    assert names(data) == []
    with pytest.raises(Missing):
        uploads.find(id)


def test_a_dry_run_only_tells(uploads, data, clean):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello")
    before = names(data)

    assert clean(2 * HOUR, dry_run=True) == [f"would remove Uploads/{id}, 5 bytes", "would go: 1"]
    assert names(data) == before


def test_an_upload_that_somebody_is_at_stays(uploads, data, clean):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello")
    with uploads.held(id):
        assert clean(2 * HOUR) == []

    assert names(data) == [f"{id}.bytes", f"{id}.record"]


def test_bytes_that_come_between_two_looks_are_seen(uploads, data, monkeypatch):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello")
    old = (datetime.now(UTC) - 2 * HOUR).timestamp()
    os.utime(data.uploads / f"{id}.record", (old, old))
    hold = expiry.try_hold

    def first_the_rest(path):
        add_now(uploads, id)
        return hold(path)

    monkeypatch.setattr(expiry, "try_hold", first_the_rest)
    age = Age(now=time.time_ns(), keep=3600 * 10**9)
    found = list(expiry.expire_uploads(data.uploads, LocalStorage(data.storage), age, remove=True))

    assert found == []
    assert uploads.find(id).upload.offset == 6


def add_now(uploads, id):
    record = uploads._files.record(id)
    fd = try_hold(record)
    mine = Held(record, fd)
    mine.count(6)
    mine.close()


def test_an_upload_under_way_is_not_taken_for_forgotten(uploads, data):
    id = uploads.create(creation()).id
    record = data.uploads / f"{id}.record"

    def long_after():
        old = (datetime.now(UTC) - 2 * HOUR).timestamp()
        yield b"hel"
        assert time.time() - record.stat().st_mtime < 60
        os.utime(record, (old, old))
        yield b"lo"

    with uploads.held(id) as upload:
        os.utime(record, (time.time() - 3000, time.time() - 3000))
        upload.append(long_after(), Append(11, 11, None))

    assert uploads.find(id).upload.offset == 5


def test_what_is_known_of_a_finished_one_goes_with_its_file(uploads, data, clean):
    id = uploads.create(creation()).id
    key = add(uploads, id, b"hello world").key

    assert clean(2 * HOUR) == []
    assert names(data) == [f"{id}.record"]
    assert f"removed Storage/{key.folder}, 11 bytes" in clean(2 * DAY)
    assert names(data) == []


def test_bytes_that_no_record_tells_of_go_when_they_are_old(data, clean):
    (data.uploads / f"{'A' * 22}.bytes").write_bytes(b"orphan")

    assert clean(timedelta(minutes=59)) == []
    assert clean(2 * HOUR) == [f"removed Uploads/{'A' * 22}, 6 bytes", "gone: 1"]


def test_what_a_broken_write_left_behind_goes_at_once(data, clean):
    (data.uploads / ".partial-0123456789abcdef").write_bytes(b"half a record")

    assert clean(timedelta(0)) == [
        "removed Uploads/.partial-0123456789abcdef, a left-over",
        "gone: 1",
    ]


def test_what_is_from_the_future_is_kept_and_named(uploads, data, clean):
    id = uploads.create(creation()).id
    later = (datetime.now(UTC) + DAY).timestamp()
    os.utime(data.uploads / f"{id}.record", (later, later))

    assert clean(timedelta(0)) == [f"kept Uploads/{id}.record, which is from the future"]


def test_other_files_are_left_alone(data, clean):
    (data.uploads / "notes.txt").write_text("an operator's")
    (data.uploads / f"{'A' * 22}.record").symlink_to(data.marker)

    assert clean(2 * DAY, keep_partial=HOUR) == []
    assert len(names(data)) == 2
    assert data.marker.exists()
