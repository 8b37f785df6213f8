"""
Removes what was kept long enough, what broken uploads left behind, and what is too much.

One cleaner works at a time. A clock that jumped stops it for one run: a `now` before the
last run, or more than a week after it, deletes nothing. Uploads and readers are never in
its way: uploads are locked while they are written, and a file being read stays readable.
"""

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from uploadsvc.cache import Cache
from uploadsvc.errors import Conflict, NoRoom, UploadsvcError
from uploadsvc.failures import Failures
from uploadsvc.made import SUFFIX
from uploadsvc.rates import Rate
from uploadsvc.storage import partials
from uploadsvc.storage.age import Age
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.expiry import Expired, FromFuture, Stuck
from uploadsvc.storage.folders import sync_folder
from uploadsvc.storage.leftovers import LeftOver
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.room import DiskRoom
from uploadsvc.sweep import Old, find_old

log = logging.getLogger(__name__)

_LONGEST_PAUSE = timedelta(days=7)
_STAMP = "last-clean"


class ClockJumped(UploadsvcError):
    """The clock is not where it should be since the last run; nothing was removed."""

    code = "clock-jumped"


class AlreadyCleaning(Conflict):
    code = "already-cleaning"


class StillThere(UploadsvcError):
    """Something that is old could not be removed."""

    code = "still-there"


@dataclass
class Report:
    """What a run did, added up."""

    removed: int = 0
    stuck: int = 0


def clean(
    data: DataDir,
    *,
    keep: timedelta,
    now: datetime,
    dry_run: bool = False,
    rate: Rate | None = None,
    room: DiskRoom | None = None,
    cache: Cache | None = None,
    keep_unused: timedelta | None = None,
    keep_partial: timedelta | None = None,
) -> Iterator[str]:
    """
    Remove what is older than `keep`; yield one line for each thing, and a summary last.

    So go unfinished uploads that nothing has come for in `keep_partial`, sized pictures that
    nobody used for longer than `keep_unused`, and then those of all previews that are too many
    for the `cache`, the least recently used first; without these arguments none do. With
    `dry_run` nothing changes, and the lines say what would. When nothing was done there is no
    line. Raise `AlreadyCleaning` or `ClockJumped`, with nothing removed, and `StillThere` at
    the end when something could not be removed.
    """
    with _alone(data):
        _check_clock(data.state, now, dry_run=dry_run)
        unused, partial = (
            _age(now, each) if each else None for each in (keep_unused, keep_partial)
        )
        old = Old(_age(now, keep), unused, partial)
        report = Report()
        yield from _sweep(data, old, cache, report, dry_run=dry_run)
        if not dry_run:
            # After the sweep, which may have to make room on a full disk first.
            _write_stamp(data.state, now)
            Failures(data.previews).forget_old()
            if rate is not None:
                rate.forget_old()
            if room is not None and room.is_limited:
                room.recount(_stored(data))
            sync_folder(data.storage)
            sync_folder(data.previews)
        if report.removed or report.stuck or dry_run:
            yield _summary(report, dry_run=dry_run)
        if report.stuck:
            raise StillThere(f"{report.stuck} could not be removed")


def _sweep(
    data: DataDir, old: Old, cache: Cache | None, report: Report, *, dry_run: bool
) -> Iterator[str]:
    would = "would remove" if dry_run else "removed"
    for where, finding in find_old(data, old, cache, remove=not dry_run):
        match finding:
            case LeftOver(name):
                report.removed += 1
                yield f"{would} {where}/{_printable(name)}, a left-over"
            case Expired(name, _) if name.endswith(SUFFIX):
                # Notes of previews go with them, and are not worth a line.
                continue
            case Expired(name, size):
                report.removed += 1
                yield f"{would} {where}/{_printable(name)}, {size} bytes"
            case FromFuture(name):
                yield f"kept {where}/{_printable(name)}, which is from the future"
            case Stuck(name, reason):
                report.stuck += 1
                yield f"could not remove {where}/{_printable(name)}: {reason}"


def _printable(name: str) -> str:
    """Return a name as it may stand in a line: whatever it holds, it is one line of text."""
    if name.isprintable():
        return name
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _summary(report: Report, *, dry_run: bool) -> str:
    verb = "would go" if dry_run else "gone"
    stuck = f", {report.stuck} could not be removed" if report.stuck else ""
    return f"{verb}: {report.removed}{stuck}"


def _stored(data: DataDir) -> int:
    """Return how many bytes of files are kept in all."""
    # Older installations have no originals.
    roots = [root for root in (data.storage, data.originals) if root.is_dir()]
    return sum(stored.size for root in roots for stored in LocalStorage(root))


def _age(now: datetime, keep: timedelta) -> Age:
    return Age(now=_nanoseconds(now), keep=keep // timedelta(microseconds=1) * 1000)


def _nanoseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


def _check_clock(state: Path, now: datetime, *, dry_run: bool) -> None:
    with contextlib.suppress(FileNotFoundError, ValueError, OverflowError):
        last = datetime.fromtimestamp(float((state / _STAMP).read_text()), tz=UTC)
        if not last <= now <= last + _LONGEST_PAUSE:
            if not dry_run:
                _write_stamp(state, now)
            raise ClockJumped(
                f"the last run was at {last:%Y-%m-%d %H:%M:%S} UTC by a clock that now says "
                f"{now:%Y-%m-%d %H:%M:%S}; nothing was removed"
                + (", and nothing will be by the next run" if dry_run else ", the next run goes on")
            )


def _write_stamp(state: Path, now: datetime) -> None:
    try:
        partials.publish(state, _STAMP, f"{now.timestamp()}\n".encode(), mode=0o644)
    except NoRoom as error:
        # Others fill the disk. Without a new stamp the next run only looks further back.
        log.warning("the time of this run could not be kept: %s", error)


@contextlib.contextmanager
def _alone(data: DataDir) -> Iterator[None]:
    # The marker is there on a full disk too, and locking it creates nothing.
    with partials.disk_errors():
        fd = os.open(data.marker, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyCleaning("another cleaner is at work") from error
        yield
    finally:
        os.close(fd)
