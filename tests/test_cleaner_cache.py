"""The cleaner and the pictures that may be made again: unused ones go, and what is too much."""

import os
from datetime import timedelta

import pytest

from aging import DAY, NOW, age, clean, leave_unused, preview, sized, stored
from uploadsvc.limits import build_cache, build_room
from uploadsvc.settings import Settings

HOUR = timedelta(hours=1)
BLOCK = 4096
KEEP = {"keep_unused": 90 * DAY}


@pytest.fixture
def of(data):
    """`of(3)` are the cleaner's arguments for a cache of three small files."""
    return lambda number: {"cache": build_cache(Settings(cache_max=number * BLOCK), data)} | KEEP


def original(data):
    folder = data.originals / ("A" * 32 + "01")
    folder.mkdir(parents=True)
    path = folder / "picture.jpeg"
    path.write_bytes(b"original")
    for each in (path, folder):
        age(each, 999 * DAY)
    return path


def tree(data):
    facts = {path: path.lstat() for path in data.path.rglob("*")}
    return {
        path: (each.st_mtime_ns, each.st_ctime_ns, each.st_size) for path, each in facts.items()
    }


def test_a_sized_picture_that_nobody_used_for_long_goes_and_is_named(data):
    old = sized(data, 90 * DAY + timedelta(seconds=1), name="old.webp")
    young = sized(data, 90 * DAY, name="young.webp")

    assert clean(data, **KEEP) == ["removed Sized/320x240/old.webp, 5 bytes", "gone: 1"]
    assert not old.exists()
    assert young.exists()


def test_a_sized_picture_stays_however_old_its_original_is(data):
    path = sized(data, HOUR)
    os.utime(path, ns=(path.stat().st_atime_ns, 0))

    assert clean(data, **KEEP) == []
    assert path.exists()


def test_what_is_stored_is_counted_with_the_originals(data):
    original(data)
    stored(data, timedelta(0))
    room = build_room(Settings(max_stored=1000), data)
    clean(data, room=room)

    assert room.stored() == len(b"original") + len(b"picture")


def test_originals_never_go(data, of):
    path = original(data)

    assert clean(data, **of(0)) == clean(data, **of(1)) == []
    assert path.read_bytes() == b"original"


def test_an_installation_without_sized_pictures_is_cleaned_as_before(data, of):
    for folder in (data.sized, data.originals):
        if folder.exists():
            folder.rmdir()
    path = preview(data, 2 * DAY)

    assert clean(data, **of(9)) == [f"removed Previews/{path.name}, 7 bytes", "gone: 1"]
    assert not data.sized.exists()


def test_what_is_too_much_goes_the_least_recently_used_first(data, of):
    for number in range(3):
        leave_unused(preview(data, HOUR, f"{number}.jpeg"), number * HOUR)
        sized(data, (number + 0.5) * HOUR, name=f"{number}.webp")

    assert clean(data, **of(3)) == [
        "removed Sized/320x240/2.webp, 5 bytes",
        "removed Previews/2.jpeg, 7 bytes",
        "removed Sized/320x240/1.webp, 5 bytes",
        "gone: 3",
    ]
    assert clean(data, **of(3)) == []


@pytest.mark.parametrize(("limit", "goes"), [(4, 0), (3, 1), (0, 0)])
def test_a_cache_of_just_its_limit_stays_and_without_a_limit_any(data, of, limit, goes):
    for number in range(4):
        preview(data, number * HOUR, f"{number}.jpeg")
    clean(data, **of(limit))

    assert len(list(data.previews.iterdir())) == 4 - goes


def test_what_goes_for_its_age_makes_room_for_the_rest(data, of):
    preview(data, 2 * DAY, "old.jpeg")
    sized(data, 91 * DAY, name="old.webp")
    kept = [preview(data, HOUR, "young.jpeg"), sized(data, HOUR, name="young.webp")]
    told = clean(data, **of(2), dry_run=True)
    lines = clean(data, **of(2))

    assert lines == [
        "removed Previews/old.jpeg, 7 bytes",
        "removed Sized/320x240/old.webp, 5 bytes",
        "gone: 2",
    ]
    assert [line.replace("would remove", "removed") for line in told[:-1]] == lines[:-1]
    assert all(path.exists() for path in kept)


def test_a_dry_run_tells_what_would_go_and_changes_nothing(data, of):
    for number in range(4):
        sized(data, number * HOUR, name=f"{number}.webp")
    sized(data, 99 * DAY, name="old.webp", size="1x1")
    partial = data.sized / "1x1" / ".partial-a"
    partial.write_bytes(b"x")
    before = tree(data)
    told = clean(data, **of(2), dry_run=True)

    assert tree(data) == before
    assert told == [
        "would remove Sized/1x1/.partial-a, a left-over",
        "would remove Sized/1x1/old.webp, 5 bytes",
        "would remove Sized/320x240/3.webp, 5 bytes",
        "would remove Sized/320x240/2.webp, 5 bytes",
        "would go: 4",
    ]
    assert [line.replace("removed", "would remove") for line in clean(data, **of(2))][:-1] == (
        told[:-1]
    )


def test_the_count_that_the_service_goes_by_is_put_right(data, of):
    ledger = data.state / "preview-bytes"
    ledger.write_text("999999999")
    preview(data, HOUR)
    clean(data, **of(9), dry_run=True)
    after_dry_run = ledger.read_text()
    clean(data, **of(9))

    assert after_dry_run == "999999999"
    assert int(ledger.read_text()) == BLOCK


def test_a_use_in_the_future_is_kept_and_named(data):
    path = sized(data, -HOUR)

    assert clean(data, **KEEP) == [
        f"kept Sized/320x240/{path.name}, which is from the future",
    ]


@pytest.mark.parametrize("below", ["Sized", "Sized/320x240", "Originals"])
def test_partials_that_nobody_writes_go_from_wherever_they_are(data, below):
    folder = data.path / below
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".partial-a").write_bytes(b"half")
    (folder / "whole").write_bytes(b"whole")

    assert clean(data) == [f"removed {below}/.partial-a, a left-over", "gone: 1"]
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_no_link_is_followed_to_a_partial_elsewhere(data, tmp_path):
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / ".partial-a").write_bytes(b"precious")
    for root in (data.sized, data.originals):
        root.mkdir(exist_ok=True)
        (root / "link").symlink_to(canary)

    assert clean(data, **KEEP) == []
    assert (canary / ".partial-a").exists()


def test_empty_folders_of_sizes_go_quietly_when_nobody_writes_to_them(data):
    empty = data.sized / "1x1"
    empty.mkdir(parents=True)
    age(empty, 2 * HOUR)
    just_made = data.sized / "2x2"
    just_made.mkdir()
    age(just_made, HOUR)

    assert clean(data, **KEEP) == []
    assert not empty.exists()
    assert just_made.exists()
    assert (NOW - HOUR).timestamp() == just_made.stat().st_mtime


def test_notes_of_previews_go_with_them_and_without_a_line(data):
    for name in ("a.jpeg", "a.made"):
        path = data.previews / name
        path.write_bytes(b"x")
        os.utime(path, (0, 0))

    assert clean(data) == ["removed Previews/a.jpeg, 1 bytes", "gone: 1"]
    assert list(data.previews.iterdir()) == []
