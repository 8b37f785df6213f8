"""
Watched uploads that are old, or that came to no end, and their removal.

An upload goes when its record and its data were last modified before a moment; one that is
under way stays. Data that nobody writes and that is no finished upload's goes at once.
"""

import contextlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from uploadsvc.errors import NoRoom, Unavailable
from uploadsvc.storage import locks
from uploadsvc.storage.age import Age
from uploadsvc.storage.expiry import Expired, Finding, FromFuture, Stuck
from uploadsvc.storage.leftovers import LeftOver, left_over
from uploadsvc.storage.partials import StorageFailed, disk_errors
from uploadsvc.tracking.records import SUFFIX, look, read

_OURS = re.compile(rf"([0-9a-f]{{64}})({re.escape(SUFFIX)}|-[0-9a-f]{{16}})")


def expire(root: Path, age: Age, *, remove: bool) -> Iterator[Finding | LeftOver]:
    """Find what is old and what is left over among the uploads; remove it if asked."""
    names = os.listdir(root)
    yield from left_over(root, among=names, remove=remove)
    files: dict[str, list[Path]] = defaultdict(list)
    for found in filter(None, map(_OURS.fullmatch, names)):
        if _facts(root / found[0]):
            files[found[1]].append(root / found[0])
    for digest in sorted(files):
        try:
            with _locked(root, digest) if remove else contextlib.nullcontext():
                yield from _expire(root / f"{digest}{SUFFIX}", files[digest], age, remove=remove)
        except Unavailable:
            # An upload that begins or ends at this moment.
            continue
        except StorageFailed as error:
            yield Stuck(digest, str(error))


@contextlib.contextmanager
def _locked(root: Path, digest: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        # On a disk without room for the lock no upload begins either.
        with contextlib.suppress(NoRoom):
            stack.enter_context(locks.exclusive(root, digest, patience=0))
        yield


def _expire(
    record_path: Path, paths: list[Path], age: Age, *, remove: bool
) -> Iterator[Finding | LeftOver]:
    # Read now: it may be newer than the list of files, and name one that is finished since.
    record = read(record_path)
    finished = record.data if record and record.state == "done" else None
    whole = []
    for path in paths:
        if path == record_path or path.name == finished:
            whole.append(path)
        elif (data := look(path)) and not data.is_held:
            if remove:
                _unlink(path)
            yield LeftOver(path.name)
        elif data and record and record.data == path.name:
            return  # it is under way
    facts = [each for path in whole if (each := _facts(path))]
    if any(age.is_future(each.st_mtime_ns) for each in facts):
        yield FromFuture(record_path.name)
    elif facts and all(age.is_old(each.st_mtime_ns) for each in facts):
        for path in whole if remove else []:
            _unlink(path)
        yield Expired(record_path.name, sum(each.st_size for each in facts))


def _facts(path: Path) -> os.stat_result | None:
    """Return the facts of a file; None for what is not there, and for links and folders."""
    with contextlib.suppress(FileNotFoundError):
        facts = path.lstat()
        return facts if stat.S_ISREG(facts.st_mode) else None
    return None


def _unlink(path: Path) -> None:
    with disk_errors():
        path.unlink(missing_ok=True)
