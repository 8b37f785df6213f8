"""The cleaner: what is old goes, everything else stays."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from aging import DAY, NOW, age, clean, preview, stored
from uploadsvc import cleaner
from uploadsvc.rates import Rate
from uploadsvc.storage.room import DiskRoom


def test_what_is_more_than_a_day_old_goes_and_is_named(data):
    old_file = stored(data, DAY + timedelta(seconds=1))
    old_preview = preview(data, DAY + timedelta(seconds=1))
    lines = clean(data)

    assert not old_file.parent.exists()
    assert not old_preview.exists()
    assert lines == [
        "removed Storage/AAAAAAAA, 7 bytes",
        f"removed Previews/{old_preview.name}, 7 bytes",
        "gone: 2",
    ]


def test_what_is_a_day_old_to_the_second_stays(data):
    kept = [stored(data, DAY), preview(data, DAY)]

    assert clean(data) == []
    assert all(path.exists() for path in kept)


def test_an_old_folder_with_a_young_file_stays_whole(data):
    young = stored(data, timedelta(hours=1), name="young.jpg")
    old = stored(data, 2 * DAY, name="old.jpg")

    assert clean(data) == []
    assert young.exists()
    assert old.exists()


def test_a_young_folder_is_not_looked_into(data):
    path = stored(data, 9 * DAY, folder_age=timedelta(hours=1))

    assert clean(data) == []
    assert path.exists()


def test_what_begins_with_a_dot_and_what_is_in_no_folder_stay(data):
    hidden = data.storage / ".hidden"
    loose = data.storage / "loose-file"
    hidden.mkdir()
    loose.write_bytes(b"x")
    age(hidden, 9 * DAY)
    age(loose, 9 * DAY)

    assert clean(data) == []
    assert hidden.exists()
    assert loose.exists()


def test_a_stored_file_that_begins_with_a_dot_goes_with_its_folder(data):
    path = stored(data, 2 * DAY, name=".htaccess")
    clean(data)

    assert not path.parent.exists()


def test_no_link_is_followed_and_nothing_outside_is_touched(data, tmp_path):
    canary = tmp_path / "canary"
    (canary / "inner").mkdir(parents=True)
    (canary / "inner" / "file").write_bytes(b"precious")
    path = stored(data, 2 * DAY)
    links = [data.storage / "BBBBBBBB", path.parent / "link", data.previews / "link.jpeg"]
    for link in links:
        link.symlink_to(canary)
        age(link, 9 * DAY)
    for thing in (canary / "inner" / "file", canary / "inner", canary, path.parent):
        age(thing, 9 * DAY)
    clean_naively = naive_victims(data)
    lines = clean(data)

    assert (canary / "inner" / "file").read_bytes() == b"precious"
    assert all(link.is_symlink() for link in links)
    assert not path.exists()
    assert lines == ["removed Storage/AAAAAAAA, 7 bytes", "gone: 1"]
    assert canary / "inner" / "file" in clean_naively


def naive_victims(data):
    """What `find -L Storage -type f -mtime +0 -delete` would take: it follows links."""
    found = subprocess.run(
        ["find", "-L", data.storage, "-type", "f", "-not", "-newermt", f"@{NOW.timestamp()}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return {Path(path).resolve() for path in found}


def test_a_storage_that_is_a_link_to_another_disk_is_cleaned_too(data, tmp_path):
    data.storage.rename(tmp_path / "elsewhere")
    data.storage.symlink_to(tmp_path / "elsewhere")
    stored(data, 2 * DAY)

    assert clean(data) == ["removed Storage/AAAAAAAA, 7 bytes", "gone: 1"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_files_from_the_future_are_kept_and_named(data):
    path = stored(data, -timedelta(hours=1))
    picture = preview(data, -timedelta(hours=1))

    assert clean(data) == [
        "kept Storage/AAAAAAAA, which is from the future",
        f"kept Previews/{picture.name}, which is from the future",
    ]
    assert path.exists()
    assert picture.exists()


def test_a_dry_run_tells_everything_and_changes_nothing(data):
    path = stored(data, 2 * DAY)
    lines = clean(data, dry_run=True)

    assert lines == ["would remove Storage/AAAAAAAA, 7 bytes", "would go: 1"]
    assert path.exists()
    assert clean(data, dry_run=True) == lines


def test_a_dry_run_tells_even_that_there_is_nothing_to_do(data):
    assert clean(data, dry_run=True) == ["would go: 0"]


def test_a_run_with_nothing_to_do_says_nothing(data):
    assert clean(data) == []


@pytest.mark.parametrize("jump", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_after_a_clock_jump_nothing_goes_for_one_run(data, jump):
    clean(data)
    path = stored(data, 20 * DAY)

    with pytest.raises(cleaner.ClockJumped):
        clean(data, now=NOW + jump)
    assert path.exists()

    clean(data, now=NOW + jump)
    assert not path.exists()


def test_a_week_between_two_runs_is_no_jump(data):
    clean(data)
    path = stored(data, 20 * DAY)
    clean(data, now=NOW + timedelta(days=7))

    assert not path.exists()


def test_a_second_cleaner_leaves_the_first_alone(data):
    path = stored(data, 2 * DAY)
    first = cleaner.clean(data, keep=DAY, now=NOW)
    next(first)

    with pytest.raises(cleaner.AlreadyCleaning):
        clean(data)
    list(first)
    assert not path.exists()


def test_counts_of_past_minutes_are_forgotten(data):
    for minutes in (0, 1, 2):
        counted_at(data, NOW + timedelta(minutes=minutes)).check("192.0.2.1")
    rate = counted_at(data, NOW + timedelta(minutes=2))
    counts = set(rates_of(data).iterdir())
    clean(data, rate=rate, dry_run=True)
    after_dry_run = set(rates_of(data).iterdir())
    clean(data, rate=rate)

    assert len(counts) == 3
    assert after_dry_run == counts
    assert len(set(rates_of(data).iterdir())) == 2


def rates_of(data):
    return data.state / "rates"


def counted_at(data, moment):
    return Rate(rates_of(data), per_minute=9, now=moment.timestamp)


def test_what_is_stored_is_counted_again_without_what_went(data):
    ledger = data.state / "stored-bytes"
    room = DiskRoom(data.storage, floor=0, max_stored=1000, ledger=ledger)
    ledger.write_text("999")
    stored(data, 2 * DAY)
    stored(data, timedelta(0), folder="BBBBBBBB")
    clean(data, room=room, dry_run=True)
    assert room.stored() == 999
    clean(data, room=room)

    assert room.stored() == len(b"picture")


def test_without_a_limit_nothing_is_counted_again(data):
    ledger = data.state / "stored-bytes"
    stored(data, timedelta(0))
    clean(data, room=DiskRoom(data.storage, floor=0, ledger=ledger))

    assert not ledger.exists()
