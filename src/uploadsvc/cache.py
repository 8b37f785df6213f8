"""
Keeps all previews together below a number of bytes, the least recently used going first.

What is there is summed up in a ledger, which every process and host shares; a sum that is lost
counts as nearly full. Whoever finds the cache nearly full has room made in a thread of its own,
one at a time among all: what is there is counted anew, and what was not used for the longest
time goes. Nobody waits for that: what would pass the limit meanwhile is not kept.
"""

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from uploadsvc.errors import NoRoom, UploadsvcError
from uploadsvc.storage.cached import CacheFolder, on_disk
from uploadsvc.storage.eviction import Skip, bytes_in, evict
from uploadsvc.storage.expiry import Expired, Finding, Stuck
from uploadsvc.storage.ledger import Ledger
from uploadsvc.storage.locks import one_of_all

log = logging.getLogger(__name__)

_NEARLY_FULL = 95
_AFTERWARDS = 90
"""Percent of the limit: where room is made, and how far."""

_NOTE = on_disk(0)
"""Bytes of a note beside a preview: counted with each, since there may be one."""

_IN_VAIN = 60.0
_OTHERS_TAKE = 0.1
"""Seconds until it is tried again: where it was in vain, and where somebody else was at it."""


class Cache:
    def __init__(
        self,
        folders: Sequence[CacheFolder],
        *,
        limit: int,
        ledger: Path,
        lock: Path,
        forget: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        `limit`: bytes that all files in the folders may take, 0 for no limit. `ledger` and
        `lock` are files of its own, made when they are needed. `forget` removes what is worth
        less than any file, before room is made.
        """
        self._folders = folders
        self._limit = limit
        self._ledger = Ledger(ledger)
        self._lock = lock
        self._forget = forget
        self._now = now
        self._at_work = threading.Lock()
        self._not_before = 0.0

    def check(self, incoming: int) -> None:
        """Raise `NoRoom` where a file of so many bytes more would pass the limit."""
        if self._limit and self._known() + on_disk(incoming) > self._limit:
            self._begin()
            raise NoRoom("the cache of previews is full at the moment", retry_after=60)

    def added(self, size: int) -> None:
        """
        Count a file of so many bytes that was written, and what was noted of it.

        A disk that does not take the count is logged, and room is made to be sure.
        """
        try:
            if not self._limit:
                # What is not counted must not be believed when there is a limit again.
                self._ledger.forget()
                return
            with self._ledger.locked() as entry:
                total = self._sum(entry.read()) + on_disk(size) + _NOTE
                entry.write(total)
        except UploadsvcError as error:
            log.warning("a preview was not counted: %s", error)
        else:
            if total <= self._nearly_full:
                return
        self._begin()

    def make_room(self) -> None:
        """Remove what is too much, and some more; nothing while somebody else does."""
        with one_of_all(self._lock) as is_mine:
            if not is_mine:
                self._not_before = self._now() + _OTHERS_TAKE
                return
            self._forget()
            target = self._limit * _AFTERWARDS // 100
            report = Counter[str]()
            for _, finding in self._shrink(target, remove=True, skip=None):
                if isinstance(finding, Expired):
                    report.update(files=1, bytes=finding.size)
                elif isinstance(finding, Stuck):
                    report.update(stuck=1)
        if report["stuck"]:
            log.warning("%d previews could not be removed", report["stuck"])
        if report["files"]:
            log.info("made room among previews: %(files)d files, %(bytes)d bytes", report)
        elif self._known() > self._nearly_full:
            self._not_before = self._now() + _IN_VAIN

    def shrink(
        self, *, remove: bool = True, skip: Skip | None = None
    ) -> Iterator[tuple[str, Finding]]:
        """
        Find the least recently used of the files that are too many; remove them if asked.

        Yield each finding with the name of its folder. What is there is counted anew, without
        what `skip` names. Nothing is found while somebody else makes room.
        """
        if not self._limit:
            return
        # A dry run changes nothing, not even a lock.
        turn = one_of_all(self._lock) if remove else contextlib.nullcontext(True)
        with turn as is_mine:
            if is_mine:
                yield from self._shrink(self._limit, remove=remove, skip=skip)

    def _shrink(
        self, target: int, *, remove: bool, skip: Skip | None
    ) -> Iterator[tuple[str, Finding]]:
        before = self._known()
        total = bytes_in(self._folders, skip=skip)
        if total > target:
            total -= yield from evict(self._folders, total - target, remove=remove, skip=skip)
        if not remove:
            return
        try:
            with self._ledger.locked() as entry:
                # With what was written since; some of it is counted twice, until the next time.
                entry.write(total + max(0, self._sum(entry.read()) - before))
        except UploadsvcError as error:
            log.warning("the sum of previews could not be kept: %s", error)

    @property
    def _nearly_full(self) -> int:
        return self._limit * _NEARLY_FULL // 100

    def _known(self) -> int:
        try:
            return self._sum(self._ledger.read())
        except UploadsvcError:
            return self._sum(None)

    def _sum(self, known: int | None) -> int:
        return self._nearly_full if known is None else known

    def _begin(self) -> None:
        if self._now() < self._not_before or not self._at_work.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._work, name="make-room", daemon=True).start()
        except RuntimeError:
            # No thread can be had; the next preview tries again.
            self._at_work.release()

    def _work(self) -> None:
        try:
            self.make_room()
        except (UploadsvcError, OSError):
            self._not_before = self._now() + _IN_VAIN
            log.exception("no room could be made among previews")
        finally:
            self._at_work.release()
