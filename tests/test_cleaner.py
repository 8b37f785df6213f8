"""The cleaner: what is old goes, everything else stays."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from uploadsvc import cleaner
from uploadsvc.rates import Rate
from uploadsvc.storage import expiry
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.room import DiskRoom

DAY = timedelta(days=1)
NOW = datetime(2030, 1, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def data(tmp_path):
    data = DataDir(tmp_path / "data")
    data.prepare(dir_mode=0o755)
    return data


def age(path, how_old):
    moment = (NOW - how_old).timestamp()
    os.utime(path, (moment, moment), follow_symlinks=False)


def stored(data, how_old, *, name="photo.jpg", folder="AAAAAAAA", folder_age=None):
    path = data.storage / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"picture")
    age(path, how_old)
    age(path.parent, folder_age or how_old)
    return path


def preview(data, how_old, name="0" * 32 + ".jpeg"):
    path = data.previews / name
    path.write_bytes(b"preview")
    age(path, how_old)
    return path


def clean(data, **options):
    return list(cleaner.clean(data, **({"keep": DAY, "now": NOW} | options)))


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


def test_a_file_from_the_future_in_an_old_folder_is_named_too(data):
    path = stored(data, -timedelta(hours=1), folder_age=9 * DAY)

    assert clean(data) == ["kept Storage/AAAAAAAA/photo.jpg, which is from the future"]
    assert path.exists()


def test_whatever_a_name_holds_it_is_one_line_of_text(data):
    stored(data, 2 * DAY, folder="a\nremoved\x1b[31m\udcff")
    lines = clean(data)

    assert lines == ["removed Storage/a\\nremoved\\x1b[31m\\xff, 7 bytes", "gone: 1"]


def test_a_tower_of_folders_stops_nobody(data):
    tower = data.storage / "AAAAAAAA"
    tower.joinpath(*["d"] * 200).mkdir(parents=True)
    for path in sorted(tower.rglob("*"), reverse=True):
        age(path, 9 * DAY)
    age(tower, 9 * DAY)
    picture = preview(data, 2 * DAY)
    lines = []
    with pytest.raises(cleaner.StillThere):
        lines.extend(cleaner.clean(data, keep=DAY, now=NOW))

    assert not picture.exists()
    assert tower.exists()


@pytest.mark.parametrize("stamp", ["inf", "nan", "1e30", "soon", ""])
def test_a_stamp_that_is_no_time_is_none(data, stamp):
    (data.state / "last-clean").write_text(stamp)
    path = stored(data, 2 * DAY)
    clean(data)

    assert not path.exists()
    assert float((data.state / "last-clean").read_text()) == NOW.timestamp()


def test_a_partial_with_a_planted_link_is_left_alone_quietly(data, tmp_path):
    planted = data.storage / ".partial-planted"
    planted.mkdir()
    (planted / "link").symlink_to(tmp_path)

    assert clean(data) == []
    assert (planted / "link").is_symlink()


def test_notes_of_failures_go_when_their_minute_is_over(data):
    note = data.previews / ("0" * 32 + ".failed")
    note.write_text("{}")
    os.utime(note, (0, 0))
    fresh = data.previews / ("1" * 32 + ".failed")
    fresh.write_text("{}")
    list(cleaner.clean(data, keep=timedelta(days=36_000), now=datetime.now(UTC)))

    assert not note.exists()
    assert fresh.exists()


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


@dataclass(frozen=True)
class WrittenMeanwhile(expiry.Age):
    """The age by which a cleaner goes, and a file that is written right after its nth look."""

    path: Path
    looks_before: int
    looks: list[int] = field(default_factory=list)

    def is_old(self, modified):
        self.looks.append(modified)
        if len(self.looks) == self.looks_before:
            age(self.path, timedelta(0))
        return super().is_old(modified)


@pytest.fixture
def written_meanwhile():
    now, keep = int(NOW.timestamp()) * 10**9, int(DAY.total_seconds()) * 10**9
    return lambda path, *, after: WrittenMeanwhile(now, keep, path, after)


def test_a_file_that_is_written_since_it_was_looked_at_stays(data, written_meanwhile):
    path = preview(data, 2 * DAY)
    meanwhile = written_meanwhile(path, after=1)
    findings = list(expiry.expire_files(data.previews, meanwhile, remove=True))

    assert len(meanwhile.looks) > 1, "it was looked at again"
    assert findings == []
    assert path.exists()


@pytest.mark.parametrize("after", [1, 2], ids=["the folder", "the file"])
def test_a_folder_that_is_written_to_since_it_was_looked_at_stays(data, written_meanwhile, after):
    path = stored(data, 2 * DAY)
    meanwhile = written_meanwhile(path, after=after)
    findings = list(expiry.expire_folders(data.storage, meanwhile, remove=True))

    assert len(meanwhile.looks) > after, "it was looked at again"
    assert not any(isinstance(finding, expiry.Expired) for finding in findings)
    assert path.exists()


def test_other_file_systems_are_left_alone(data, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    mounted = data.storage / "MMMMMMMM"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", mounted], check=True)
    try:
        (mounted / "file").write_bytes(b"x")
        age(mounted / "file", 9 * DAY)
        age(mounted, 9 * DAY)

        assert clean(data) == []
        assert (mounted / "file").exists()
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_what_another_user_left_is_named_and_does_not_stop_the_rest(data):
    if os.geteuid() != 0:
        pytest.skip("making another user's files needs root")
    partial = data.storage / ".partial-aaaa"
    partial.mkdir()
    (partial / "half.txt").write_bytes(b"half")
    path = stored(data, 2 * DAY)
    ours = (data.path, data.marker, data.storage, data.previews, data.state, path.parent, path)
    for thing in ours:
        os.chown(thing, 65534, 65534)
    done = subprocess.run(
        [sys.executable, "-c", CLEANER_OF_ANOTHER_USER, str(NOW.timestamp())],
        cwd=data.path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "could not remove Storage/.partial-aaaa: Permission denied",
        "removed Storage/AAAAAAAA, 7 bytes",
        "gone: 1, 1 could not be removed",
        "1 could not be removed",
    ]


# Works from inside: the folders above, and those of the program, are closed to that user.
CLEANER_OF_ANOTHER_USER = """
import os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uploadsvc import cleaner
from uploadsvc.storage.datadir import DataDir

os.setgroups([])
os.setgid(65534)
os.setuid(65534)
now = datetime.fromtimestamp(float(sys.argv[1]), UTC)
try:
    for line in cleaner.clean(DataDir(Path()), keep=timedelta(days=1), now=now):
        print(line)
except cleaner.StillThere as error:
    print(error)
"""


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
