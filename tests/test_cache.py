"""The cache of previews: below its limit, whoever writes and whatever is lost meanwhile."""

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from aging import leave_unused, preview, sized
from uploadsvc.cache import Cache
from uploadsvc.errors import NoRoom
from uploadsvc.limits import build_cache
from uploadsvc.settings import Settings
from uploadsvc.storage import partials
from uploadsvc.storage.cached import CacheFolder
from waiting import eventually

HOUR = timedelta(hours=1)
BLOCK = 4096
LIMIT = 100 * BLOCK


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def make(data, clock):
    def make(limit=LIMIT, **options):
        data.sized.mkdir(exist_ok=True)
        return Cache(
            [CacheFolder(data.previews), CacheFolder(data.sized, nested=True)],
            limit=limit,
            **{"ledger": ledger_of(data), "lock": data.state / "room", "now": lambda: clock[0]}
            | options,
        )

    return make


def ledger_of(data):
    return data.state / "bytes"


def fill(data, number, *, first=0):
    """So many previews of one block each, unused for the longer the earlier they come."""
    for each in range(first, first + number):
        leave_unused(preview(data, 9 * HOUR, f"{each:05}.jpeg"), (10_000 - each) * HOUR)


def counted(data, total):
    ledger_of(data).write_text(f"{total}\n")


def names(data):
    return sorted(path.name for path in data.previews.iterdir())


def on_disk(data):
    """Bytes that all previews take, as the disk sees it."""
    files = [*data.previews.iterdir(), *data.sized.glob("*/*")]
    total = 0
    for path in files:
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def is_done(cache):
    """Whether nobody makes room any more."""
    return not any(thread.name == "make-room" for thread in threading.enumerate())


def test_what_is_added_is_counted_in_blocks_with_a_note_each(data, make):
    counted(data, 0)
    make().added(1)
    make().added(5000)

    assert int(ledger_of(data).read_text()) == 5 * BLOCK


def test_a_file_up_to_the_limit_has_room_and_one_block_more_has_not(data, make):
    counted(data, LIMIT - 2 * BLOCK)
    cache = make()
    cache.check(2 * BLOCK)

    with pytest.raises(NoRoom):
        cache.check(2 * BLOCK + 1)


def test_when_it_is_nearly_full_room_is_made_and_nobody_waits(data, make):
    fill(data, 96)
    counted(data, 94 * BLOCK)
    make().added(1)

    assert eventually(lambda: len(names(data)) == 90)
    assert names(data)[0] == "00006.jpeg", "the least recently used are gone"
    assert eventually(lambda: int(ledger_of(data).read_text()) == 90 * BLOCK)


def test_until_it_is_nearly_full_nothing_goes(data, make):
    fill(data, 95)
    counted(data, 93 * BLOCK)
    cache = make()
    cache.added(1)

    assert eventually(lambda: is_done(cache))
    assert len(names(data)) == 95
    assert int(ledger_of(data).read_text()) == 95 * BLOCK


def test_what_would_not_fit_has_room_made_for_it(data, make):
    fill(data, 94)
    counted(data, 94 * BLOCK)
    cache = make()

    with pytest.raises(NoRoom):
        cache.check(9 * BLOCK)
    assert eventually(lambda: len(names(data)) == 90)
    assert eventually(lambda: is_done(cache))
    cache.check(9 * BLOCK)


def test_without_a_limit_nothing_is_refused_or_removed_and_no_count_outlives_it(data, make):
    fill(data, 3)
    counted(data, 5)
    cache = make(limit=0)
    cache.check(10**18)
    cache.added(10**18)

    assert list(cache.shrink()) == []
    assert len(names(data)) == 3
    assert not ledger_of(data).exists()


@pytest.mark.parametrize("torn", [None, b"", b"\0" * 32])
def test_a_count_that_is_lost_or_torn_is_taken_anew(data, make, torn):
    fill(data, 120)
    if torn is not None:
        ledger_of(data).write_bytes(torn)
    make().added(1)

    assert eventually(lambda: len(names(data)) == 90)
    assert eventually(lambda: ledger_of(data).read_bytes().strip() == b"%d" % (90 * BLOCK))


def test_a_count_that_is_too_high_is_put_right_and_nothing_goes(data, make):
    fill(data, 10)
    counted(data, 10**15)
    cache = make()
    with pytest.raises(NoRoom):
        cache.check(1)

    assert eventually(lambda: int(ledger_of(data).read_text()) == 10 * BLOCK)
    assert len(names(data)) == 10


def test_what_is_written_while_it_counts_is_not_forgotten(data, make):
    fill(data, 101)
    cache = make()
    shrinking = cache.shrink()
    next(shrinking)
    cache.added(1)
    list(shrinking)

    assert int(ledger_of(data).read_text()) == 102 * BLOCK


def test_while_somebody_else_makes_room_nobody_waits_and_nothing_is_done_twice(data, make):
    fill(data, 120)
    other = make().shrink()
    next(other)
    cache = make()
    cache.make_room()
    found = list(cache.shrink())

    assert found == []
    assert len(names(data)) == 119
    list(other)
    assert len(names(data)) == 100


def test_two_that_make_room_at_once_take_no_more_than_one(data, make, tmp_path):
    fill(data, 120)
    # Where there is no lock, everybody believes to be alone.
    one, other = (make(lock=tmp_path / "nowhere" / "lock").shrink() for _ in range(2))
    gone = [next(one)[1].name, next(other)[1].name]
    gone += [found.name for each in (one, other) for _, found in each]

    assert sorted(gone) == [f"{each:05}.jpeg" for each in range(20)]
    assert len(names(data)) == 100


def test_where_it_was_in_vain_it_is_not_tried_again_for_a_minute(data, make, clock):
    if os.geteuid() != 0:
        pytest.skip("making files that cannot be removed needs root")
    fill(data, 97)
    done = subprocess.run(["chattr", "+i", *data.previews.iterdir()], capture_output=True)
    try:
        if done.returncode:
            pytest.skip("no file can be made immutable here")
        cache = make()
        cache.make_room()
    finally:
        subprocess.run(["chattr", "-i", *data.previews.iterdir()], capture_output=True)
    cache.added(1)
    at_once = eventually(lambda: is_done(cache)) and len(names(data))
    clock[0] += 61
    cache.added(1)

    assert at_once == 97
    assert eventually(lambda: len(names(data)) == 90)


def test_old_failures_are_forgotten_before_any_preview_goes(data):
    fill(data, 100)
    for each in range(30):
        note = data.previews / f"{each:032}.failed"
        note.write_text("{}")
        os.utime(note, (0, 0))
    cache = build_cache(Settings(cache_max=110 * BLOCK), data)
    cache.make_room()

    assert len(names(data)) == 99
    assert not any(name.endswith(".failed") for name in names(data))


def test_a_dry_run_makes_no_lock_and_no_count(data, make):
    fill(data, 101)
    told = [found.name for _, found in make().shrink(remove=False)]

    assert told == ["00000.jpeg"]
    assert list(data.state.iterdir()) == []


def test_a_disk_that_takes_no_count_is_no_error_and_room_is_made_all_the_same(data, make):
    fill(data, 120)
    ledger_of(data).mkdir()
    make().added(1)

    assert eventually(lambda: len(names(data)) == 90)


# Whoever asks for all sizes


def write_all_sizes(data, cache, number, *, size=3000, prefix="a"):
    """What an attacker gets made: so many previews; return the most that was on the disk."""
    most = 0
    for each in range(number):
        folder = data.sized / f"{each % 7}x{each % 5}" if each % 2 else data.previews
        folder.mkdir(exist_ok=True)
        try:
            cache.check(size)
        except NoRoom:
            continue
        partials.publish(folder, f"{prefix}{each}.webp", b"x" * size, mode=0o644)
        cache.added(size)
        if each % 10 == 0:
            most = max(most, on_disk(data))
    return max(most, on_disk(data))


def test_whoever_asks_for_all_sizes_fills_the_cache_to_its_limit_and_no_further(
    data, make, many, figure
):
    number = many(400, 4000)
    most = write_all_sizes(data, make(), number)
    kept = on_disk(data)

    assert most <= LIMIT + BLOCK
    assert kept > LIMIT // 3, "the cache is used"
    figure(
        f"{number:,} previews of 4 KB asked for, cache_max {LIMIT:,}",
        "never more on the disk than the limit and one file",
        f"{most:,} at most",
    )


def test_without_the_limit_it_would_be_filled_further(data, make):
    most = write_all_sizes(data, make(limit=0), 400)

    assert most > 3 * LIMIT


def test_several_processes_that_fill_one_cache_keep_it_below_its_limit(data, many, figure):
    processes, number = 3, many(300, 2000)
    data.sized.mkdir(exist_ok=True)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, data.path, str(each), str(number)])
        for each in range(processes)
    ]
    most = 0
    try:
        while any(writer.poll() is None for writer in writers):
            most = max(most, on_disk(data))
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()

    most = max(most, on_disk(data))

    assert [writer.returncode for writer in writers] == [0] * processes
    assert LIMIT // 3 < most <= LIMIT + processes * BLOCK
    figure(
        f"{processes} processes, {number:,} previews each, cache_max {LIMIT:,}",
        "never more on the disk than the limit and one file a process",
        f"{most:,} at most",
    )


# Each is a service of its own: another process, another object, the same folder.
WRITER = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_cache import LIMIT, write_all_sizes
from uploadsvc.limits import build_cache
from uploadsvc.settings import Settings
from uploadsvc.storage.datadir import DataDir

data = DataDir(Path(sys.argv[1]))
cache = build_cache(Settings(cache_max=LIMIT), data)
write_all_sizes(data, cache, int(sys.argv[3]), prefix=sys.argv[2])
"""


def test_while_files_come_and_go_and_are_read_nothing_breaks(data, make, many):
    cache = make()
    fill(data, 90)
    kept = sized(data, -HOUR)
    errors = []

    def write(prefix):
        try:
            write_all_sizes(data, cache, many(150, 1000), prefix=prefix)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(prefix,)) for prefix in "abc"]
    with (data.previews / "00000.jpeg").open("rb") as reader:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for path in list(data.previews.glob("[!.]*"))[::7]:
                path.unlink(missing_ok=True)
        for thread in threads:
            thread.join()
        still_read = reader.read()

    assert errors == []
    assert still_read == b"preview"
    assert kept.exists(), "used last of all"
    assert eventually(lambda: is_done(cache))
    assert on_disk(data) <= LIMIT + 3 * BLOCK
