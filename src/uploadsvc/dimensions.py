"""
What picture a stored file is, and how large: found once, and remembered, good or bad.

What cannot be decoded is remembered as the failure of a source is, so that nobody has the same
broken picture decoded again and again; previews of it know the failure too.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from uploadsvc.errors import Undecodable
from uploadsvc.failures import Failures
from uploadsvc.images import Facts, TooHeavy
from uploadsvc.sources import Sources, digest, stored_source
from uploadsvc.storage import Storage, StoredFile

_MOST = 1024


class Dimensions:
    """Threads may share it."""

    def __init__(
        self,
        storage: Storage,
        sources: Sources,
        *,
        probe: Callable[[Path], Facts],
        failures: Failures,
    ) -> None:
        """`probe` tells what picture a file holds, and raises `Undecodable` for none."""
        self._storage = storage
        self._sources = sources
        self._probe = probe
        self._failures = failures
        self._known: OrderedDict[StoredFile, Facts] = OrderedDict()
        self._lock = Lock()

    def of(self, stored: StoredFile) -> Facts:
        """
        Return what picture the file is.

        Raise `Undecodable` for what cannot be shown, `Missing` when the file is gone, and
        `Unavailable` when no decoder is free.
        """
        with self._lock:
            if (known := self._known.get(stored)) is not None:
                return known
        source = stored_source(self._storage, stored)
        # What is too heavy to decode may still have small previews: that is a note of its own.
        own = digest("facts", source.address)
        self._sources.check_failures(source)
        self._failures.check(own)
        with self._sources.opened(source) as path:
            try:
                facts = self._probe(path)
            except TooHeavy as error:
                self._failures.remember(own, error)
                raise
            except Undecodable as error:
                self._sources.remember(source, error)
                raise
        with self._lock:
            self._known[stored] = facts
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return facts
