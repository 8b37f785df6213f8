"""Files that may be made again: who is used when, what goes first, and what stays."""

import os
import subprocess
from datetime import timedelta

import pytest

from aging import DAY, NOW, leave_unused, preview, sized
from uploadsvc.storage import eviction
from uploadsvc.storage.age import Age
from uploadsvc.storage.cached import CacheFolder, last_used, mark_used, on_disk
from uploadsvc.storage.eviction import bytes_in, evict, expire_unused, remove_empty
from uploadsvc.storage.expiry import Expired, FromFuture, Stuck

NOW_NS = int(NOW.timestamp()) * 10**9
AGE = Age(now=NOW_NS, keep=86400 * 10**9)
HOUR = timedelta(hours=1)
BLOCK = 4096


@pytest.fixture
def folders(data):
    data.sized.mkdir(exist_ok=True)
    return [CacheFolder(data.previews), CacheFolder(data.sized, nested=True)]


def evicted(folders, over, *, remove=True, **options):
    """The names of what goes, in order."""
    return [found.name for _, found in evict(folders, over, remove=remove, **options)]


def unused(folders, *, remove=True):
    return list(expire_unused(folders[1], AGE, remove=remove))


def made(data, hours, folder="previews"):
    """A file for each number of hours, unused for so long; "previews" or "sized"."""
    paths = []
    for each in hours:
        if folder == "sized":
            paths.append(sized(data, each * HOUR, name=f"{each}.webp"))
        else:
            paths.append(preview(data, 9 * DAY, f"{each}.jpeg"))
            leave_unused(paths[-1], each * HOUR)
    return paths


# When a file was used


def test_a_file_is_used_when_it_is_made_whatever_time_its_source_has(data):
    path = preview(data, 9 * DAY)
    os.utime(path, (0, 0))

    assert last_used(path.stat()) == path.stat().st_ctime_ns


def test_a_file_is_used_when_it_is_read(data):
    path = preview(data, 9 * DAY)
    leave_unused(path, HOUR)

    assert last_used(path.stat()) == NOW_NS - 3600 * 10**9


def marked(path, now):
    fd = os.open(path, os.O_RDONLY)
    try:
        mark_used(fd, os.fstat(fd), now=lambda: now)
    finally:
        os.close(fd)
    return path.stat()


def test_a_use_is_marked_once_an_hour_and_changes_no_modification_time(data):
    path = preview(data, 9 * DAY)
    made_at = path.stat()
    used_at = last_used(made_at)
    within = marked(path, used_at + 3600 * 10**9)
    later = marked(path, used_at + 3600 * 10**9 + 1)

    assert within == made_at
    assert later.st_atime_ns == used_at + 3600 * 10**9 + 1
    assert later.st_mtime_ns == made_at.st_mtime_ns


def test_a_clock_that_was_set_back_marks_nothing(data):
    path = preview(data, 9 * DAY)
    before = path.stat()

    assert marked(path, 0) == before


def test_a_use_that_cannot_be_marked_is_no_error(data):
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123
        mark_used(file.fileno(), os.fstat(file.fileno()), now=lambda: 2**62)


# How much is there


@pytest.mark.parametrize(("size", "taken"), [(0, 1), (1, 1), (4096, 1), (4097, 2)])
def test_a_file_takes_whole_blocks_of_the_disk(size, taken):
    assert on_disk(size) == taken * BLOCK


def test_all_files_of_both_folders_are_summed_up(data, folders):
    made(data, [1, 2])
    sized(data, HOUR, content=b"x" * 5000)

    assert bytes_in(folders) == 4 * BLOCK


def test_a_folder_that_is_not_there_holds_nothing(data, tmp_path):
    nowhere = [CacheFolder(tmp_path / "a"), CacheFolder(tmp_path / "b", nested=True)]

    assert bytes_in(nowhere) == 0
    assert evicted(nowhere, 1) == []
    assert list(expire_unused(nowhere[1], AGE, remove=True)) == []
    remove_empty(nowhere[1], now=NOW_NS)


# What goes


def test_the_least_recently_used_go_first_from_whichever_folder(data, folders):
    made(data, [5, 1, 3])
    made(data, [2, 4, 6], folder="sized")

    assert evicted(folders, 3 * BLOCK) == ["320x240/6.webp", "5.jpeg", "320x240/4.webp"]
    assert sorted(path.name for path in data.previews.iterdir()) == ["1.jpeg", "3.jpeg"]
    assert [path.name for path in (data.sized / "320x240").iterdir()] == ["2.webp"]


@pytest.mark.parametrize(("over", "number"), [(0, 0), (1, 1), (BLOCK, 1), (BLOCK + 1, 2)])
def test_no_more_goes_than_is_needed(data, folders, over, number):
    made(data, range(1, 6))

    assert len(evicted(folders, over)) == number


def test_however_many_are_chosen_at_a_time_the_same_go_in_the_same_order(
    data, folders, monkeypatch
):
    hours = [7, 3, 9, 1, 8, 2, 6, 4, 5]
    made(data, hours)
    made(data, [hour + 0.5 for hour in hours], folder="sized")
    at_once = evicted(folders, 15 * BLOCK, remove=False)
    monkeypatch.setattr(eviction, "_AT_ONCE", 2)
    monkeypatch.setattr(eviction, "_FEW", 2)
    dry = evicted(folders, 15 * BLOCK, remove=False)

    assert len(at_once) == 15
    assert at_once[:3] == ["320x240/9.5.webp", "9.jpeg", "320x240/8.5.webp"]
    assert dry == at_once
    assert evicted(folders, 15 * BLOCK) == at_once


def test_what_is_asked_for_beyond_all_there_is_takes_all_and_ends(data, folders, monkeypatch):
    monkeypatch.setattr(eviction, "_AT_ONCE", 2)
    made(data, range(1, 6))

    assert len(evicted(folders, 10**9)) == 5
    assert list(data.previews.iterdir()) == []


def test_a_dry_run_tells_the_same_and_changes_nothing(data, folders):
    paths = made(data, [3, 1, 2])
    told = evicted(folders, 2 * BLOCK, remove=False)

    assert told == ["3.jpeg", "2.jpeg"]
    assert all(path.exists() for path in paths)


def test_what_is_to_be_skipped_is_neither_counted_nor_removed(data, folders):
    made(data, [3, 1])
    made(data, [2], folder="sized")

    def skip(where, facts):
        return where == "Previews"

    assert bytes_in(folders, skip=skip) == BLOCK
    assert evicted(folders, 9 * BLOCK, skip=skip) == ["320x240/2.webp"]


def test_whoever_reads_a_file_that_goes_reads_on(data, folders):
    [path] = made(data, [1])
    with path.open("rb") as reader:
        gone = evicted(folders, BLOCK)

        assert gone == ["1.jpeg"]
        assert reader.read() == b"preview"


# What happens meanwhile: between the choice and the removal of the first, the last is changed.


def after_the_first(folders, change):
    removal = evict(folders, 2 * BLOCK, remove=True)
    first = next(removal)[1].name
    change()
    return [first, *(found.name for _, found in removal)]


def test_what_is_used_meanwhile_stays_and_the_next_goes(data, folders):
    _, path, *_ = made(data, [4, 3, 2])

    assert after_the_first(folders, lambda: leave_unused(path, HOUR)) == ["4.jpeg", "2.jpeg"]
    assert path.exists()


def test_what_is_replaced_meanwhile_stays(data, folders):
    _, path, *_ = made(data, [4, 3, 2])

    def replace():
        (data.previews / ".partial-new").write_bytes(b"new")
        (data.previews / ".partial-new").rename(path)

    assert after_the_first(folders, replace) == ["4.jpeg", "2.jpeg"]
    assert path.read_bytes() == b"new"


def test_what_vanishes_meanwhile_counts_as_gone(data, folders):
    _, path, third = made(data, [4, 3, 2])

    assert after_the_first(folders, path.unlink) == ["4.jpeg"]
    assert third.exists()


def test_a_link_that_is_put_in_its_place_leads_nowhere(data, folders, tmp_path):
    _, path, *_ = made(data, [4, 3, 2], folder="sized")
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "3.webp").write_bytes(b"precious")
    leave_unused(canary / "3.webp", 3 * HOUR)

    def replace():
        path.parent.rename(tmp_path / "moved")
        path.parent.symlink_to(canary)

    assert after_the_first(folders, replace) == ["320x240/4.webp"]
    assert (canary / "3.webp").read_bytes() == b"precious"
    assert len(list((tmp_path / "moved").iterdir())) == 2


def test_what_cannot_be_removed_is_named_and_the_next_goes(data, folders):
    if os.geteuid() != 0:
        pytest.skip("making a file that cannot be removed needs root")
    stuck, *_ = made(data, [3, 2, 1])
    immutable(stuck, "+i")
    try:
        findings = [found for _, found in evict(folders, BLOCK, remove=True)]
    finally:
        immutable(stuck, "-i")

    assert findings == [Stuck("3.jpeg", "Operation not permitted"), Expired("2.jpeg", 7)]


def immutable(path, change):
    done = subprocess.run(["chattr", change, path], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file can be made immutable here: {done.stderr.strip()}")


# What is left alone


def test_links_folders_and_names_with_a_dot_are_left_alone(data, folders, tmp_path):
    canary = tmp_path / "canary"
    (canary / "320x240").mkdir(parents=True)
    precious = canary / "320x240" / "a.webp"
    precious.write_bytes(b"precious")
    leave_unused(precious, 9 * DAY)
    sized(data, 9 * DAY, size=".made", name="A")
    sized(data, 9 * DAY, name=".partial-a")
    (data.sized / "loose").write_bytes(b"x")
    leave_unused(data.sized / "loose", 9 * DAY)
    (data.sized / "100x100").symlink_to(canary / "320x240")
    (data.sized / "320x240" / "link.webp").symlink_to(precious)
    (data.previews / "link.jpeg").symlink_to(precious)
    (data.previews / "folder").mkdir()

    assert bytes_in(folders) == 0
    assert evicted(folders, 10**9) == []
    assert unused(folders) == []
    assert precious.read_bytes() == b"precious"
    assert canary / "320x240" / "a.webp" in naive_victims(data)


def naive_victims(data):
    """What `find -L Sized -type f -delete` would take: it follows links."""
    found = subprocess.run(
        ["find", "-L", data.sized, "-type", "f"], capture_output=True, text=True, check=True
    )
    return {(data.sized / line).resolve() for line in found.stdout.splitlines()}


def test_a_cache_that_is_a_link_to_another_disk_is_kept_small_too(data, folders, tmp_path):
    data.sized.rename(tmp_path / "elsewhere")
    data.sized.symlink_to(tmp_path / "elsewhere")
    made(data, [1, 2], folder="sized")

    assert evicted(folders, BLOCK) == ["320x240/2.webp"]


def test_other_file_systems_are_left_alone(data, folders):
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    mounted = data.sized / "640x480"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", mounted], check=True)
    try:
        path = sized(data, 9 * DAY, size="640x480")

        assert bytes_in(folders) == 0
        assert evicted(folders, 10**9) == []
        assert unused(folders) == []
        assert path.exists()
    finally:
        subprocess.run(["umount", mounted], check=True)


# What nobody used for long


def test_what_was_not_used_for_longer_goes_and_what_was_used_just_so_long_ago_stays(data, folders):
    sized(data, DAY + timedelta(seconds=1), name="old.webp")
    kept = sized(data, DAY, name="young.webp")

    assert unused(folders, remove=False) == [Expired("320x240/old.webp", 5)]
    assert unused(folders) == [Expired("320x240/old.webp", 5)]
    assert list(kept.parent.iterdir()) == [kept]


def test_a_use_in_the_future_keeps_a_file_and_is_named(data, folders):
    path = sized(data, -HOUR)

    assert unused(folders) == [FromFuture(f"320x240/{path.name}")]
    assert path.exists()


# Folders


def test_an_empty_folder_goes_when_nobody_can_be_writing_to_it(data, folders):
    young, old = data.sized / "1x1", data.sized / "2x2"
    full = sized(data, HOUR).parent
    for folder, hours in ((young, 1), (old, 2), (full, 2)):
        folder.mkdir(exist_ok=True)
        used = (NOW - hours * HOUR).timestamp()
        os.utime(folder, (used, used))
    remove_empty(folders[1], now=NOW_NS)

    assert sorted(data.sized.iterdir()) == [young, full]
