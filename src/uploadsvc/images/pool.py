"""
Decoders: processes that draw previews, as many at a time as there are.

A picture that crashes its decoder, or takes too much memory or time, costs one refusal
and one process; the next picture finds a fresh one. The server decodes nothing itself.
"""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, wait
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from uploadsvc.errors import Unavailable, Undecodable
from uploadsvc.images.picture import Facts, Picture
from uploadsvc.images.recipe import STANDARD, Recipe
from uploadsvc.images.refusals import TooHeavy
from uploadsvc.images.variants import Variant

log = logging.getLogger(__name__)

_PICTURES = 1000
"""A process is replaced after so many: whatever a decoder loses goes with it."""

_GRACE = 10.0
"""Seconds that a pool may need beside the decoding, to start or replace a process."""

_LOOK = 0.5
"""Seconds between looks at whether the pool still lives."""


class Decoders:
    """
    A pool of decoder processes; threads may share it.

    `memory` (bytes) and `seconds` are limits for each picture; `queue` is how many may wait
    for a process, 0 for any number. Nothing is started before the first picture, so it may be
    made before a server forks.
    """

    def __init__(
        self,
        *,
        workers: int,
        memory: int,
        seconds: float,
        recipe: Recipe = STANDARD,
        queue: int = 0,
    ) -> None:
        self._workers = workers
        self._memory = memory
        self._seconds = seconds
        self._recipe = recipe
        self._places = threading.BoundedSemaphore(workers + queue) if queue else None
        # One picture a process: whoever waits does so here, where no clock runs yet.
        self._free = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._pool: Any = None
        self._closed = False

    def draw(self, path: Path, variant: Variant) -> Picture:
        """
        Return the preview of the picture at `path`; wait while all decoders are at work.

        Raise `Undecodable`, or one of its refinements in `refusals`, for what cannot be
        shown, `Missing` when there is no such file, and `Unavailable` when it is our fault.
        """
        picture: Picture = self._do("draw", path, variant)
        return picture

    def probe(self, path: Path) -> Facts:
        """Return what the picture at `path` is; raise as `draw` does."""
        facts: Facts = self._do("probe", path)
        return facts

    def measure(self, path: Path, *, patience: float | None = None) -> Facts:
        """
        Return what the header of the picture at `path` says that it is; raise as `draw` does.

        What is behind the header may be broken all the same. Raise `Unavailable` when no decoder
        is free within `patience` seconds; None: wait.
        """
        facts: Facts = self._do("measure", path, patience=patience)
        return facts

    def _do(self, work: str, path: Path, *told: Variant, patience: float | None = None) -> Any:
        if self._places is not None and not self._places.acquire(blocking=False):
            raise Unavailable("too many pictures wait to be drawn")
        try:
            if not self._free.acquire(timeout=patience):
                raise Unavailable("no decoder was free in time")
            try:
                return self._do_twice(work, path, *told)
            finally:
                self._free.release()
        finally:
            if self._places is not None:
                self._places.release()

    def _do_twice(self, work: str, path: Path, *told: Variant) -> Any:
        try:
            return self._do_once(work, path, *told)
        except _BrokenPool as error:
            # Not this picture's fault: an idle process was killed, or several at once.
            log.warning("the decoders are started anew: %s", error)
        try:
            return self._do_once(work, path, *told)
        except _BrokenPool as error:
            raise Unavailable("pictures cannot be decoded at the moment") from error

    def close(self) -> None:
        """Stop all processes; what they are drawing is given up. Twice is not an error."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            _stop(pool)

    def _do_once(self, work: str, path: Path, *told: Variant) -> Any:
        from pebble import ProcessExpired

        from uploadsvc.images import worker

        pool = self._running()
        with _broken_pools():
            task: Future[Any] = pool.schedule(
                getattr(worker, work), args=(path, *told, self._recipe), timeout=self._seconds
            )
        self._await(task, pool)
        try:
            with _broken_pools():
                return task.result()
        # These two are kinds of OSError.
        except ProcessExpired as error:
            log.warning("a decoder died of %s: %s", path.name, error.exitcode)
            raise Undecodable("the file is not a picture that can be shown") from error
        except TimeoutError as error:
            raise TooHeavy from error

    def _await(self, task: Future[Any], pool: Any) -> None:
        """Return when the task is done; raise `_BrokenPool` when it never will be."""
        deadline = monotonic() + self._seconds + _GRACE
        while not wait([task], timeout=_LOOK).done:
            if monotonic() > deadline:
                pool.stop()
            if not pool.active and not task.done():
                raise _BrokenPool("a picture got no answer")

    def _running(self) -> Any:
        """Return the pool, started if need be."""
        from pebble import ProcessPool

        from uploadsvc.images import worker
        from uploadsvc.images.launching import DecoderContext

        with self._lock:
            if self._closed:
                raise Unavailable("the service is stopping")
            if self._pool is not None and not self._pool.active:
                _stop(self._pool)
                self._pool = None
            if self._pool is None:
                self._pool = ProcessPool(
                    max_workers=self._workers,
                    max_tasks=_PICTURES,
                    initializer=worker.prepare,
                    initargs=(self._memory,),
                    context=DecoderContext(),
                )
            return self._pool


class _BrokenPool(Exception):
    """The pool itself has failed, not the picture."""


@contextmanager
def _broken_pools() -> Iterator[None]:
    try:
        yield
    except (BrokenExecutor, RuntimeError) as error:
        raise _BrokenPool(str(error) or type(error).__name__) from error


def _stop(pool: Any) -> None:
    pool.stop()
    pool.join()
