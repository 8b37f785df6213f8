"""The cleaner among odd things: names, towers, other users, writers at the same moment."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aging import DAY, NOW, age, clean, preview, stored
from uploadsvc import cleaner
from uploadsvc.storage import expiry
from uploadsvc.storage.age import Age


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


@dataclass(frozen=True)
class WrittenMeanwhile(Age):
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
    findings = list(expiry.expire_files(data.previews, [path.name], meanwhile, remove=True))

    assert len(meanwhile.looks) > 1, "it was looked at again"
    assert findings == []
    assert path.exists()


@pytest.mark.parametrize("after", [1, 2], ids=["the folder", "the file"])
def test_a_folder_that_is_written_to_since_it_was_looked_at_stays(data, written_meanwhile, after):
    path = stored(data, 2 * DAY)
    meanwhile = written_meanwhile(path, after=after)
    findings = list(expiry.expire_folders(data.storage, [path.parent.name], meanwhile, remove=True))

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
        "could not remove Uploads/: Permission denied",
        "could not remove Progress/: Permission denied",
        "gone: 1, 3 could not be removed",
        "3 could not be removed",
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
    day = timedelta(days=1)
    for line in cleaner.clean(DataDir(Path()), keep=day, now=now, keep_partial=day):
        print(line)
except cleaner.StillThere as error:
    print(error)
"""
