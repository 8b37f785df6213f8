"""
What there is to sweep, folder by folder, and its removal.

What is old goes first, and then, of what may be made again, what is too much. Originals are
never touched: of their folder only what broken uploads left goes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from uploadsvc.cache import Cache
from uploadsvc.storage.age import Age
from uploadsvc.storage.cached import CacheFolder, last_used
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.eviction import expire_unused, remove_empty
from uploadsvc.storage.expiry import Finding, Stuck, expire_files, expire_folders
from uploadsvc.storage.leftovers import LeftOver, left_over, left_over_below
from uploadsvc.storage.local import LocalStorage
from uploadsvc.tracking.expiry import expire as expire_watched
from uploadsvc.tus.expiry import expire_uploads

Found = tuple[str, Finding | LeftOver]
"""A finding, and the name of the folder that it is in."""


@dataclass(frozen=True)
class Old:
    """What is old by now."""

    age: Age
    """Of uploads and previews, by their modification."""
    unused: Age | None
    """Of sized pictures, by their last use; None where they never are."""
    partial: Age | None
    """Of unfinished uploads, by their last change; None where they never are."""


def find_old(data: DataDir, old: Old, cache: Cache | None, *, remove: bool) -> Iterator[Found]:
    """Find what is old, and what is too much for the cache; remove it if asked."""
    for root, expire in ((data.storage, expire_folders), (data.previews, expire_files)):
        # Listed once for both: what comes later is young, or a partial of the next run.
        names = os.listdir(root)
        yield from ((root.name, finding) for finding in left_over(root, among=names, remove=remove))
        yield from ((root.name, finding) for finding in expire(root, names, old.age, remove=remove))
    # Records too are written aside in the folder of the originals itself, never further down.
    for root, find in (
        (data.originals, left_over),
        (data.sized, left_over),
        (data.sized, left_over_below),
    ):
        # Older installations have none.
        if root.is_dir():
            yield from ((root.name, finding) for finding in find(root, remove=remove))
    if old.partial is not None:
        yield from _find_unfinished(data, old.partial, remove=remove)
    yield from _find_unused(data, old, remove=remove)
    if cache is not None:
        yield from _find_too_much(data, old, cache, remove=remove)


def _find_unfinished(data: DataDir, age: Age, *, remove: bool) -> Iterator[Found]:
    storage = LocalStorage(data.storage)
    for root, expired in (
        (data.uploads, expire_uploads(data.uploads, storage, age, remove=remove)),
        (data.progress, expire_watched(data.progress, age, remove=remove)),
    ):
        # Older installations have neither.
        if root.is_dir():
            try:
                yield from ((root.name, finding) for finding in expired)
            except PermissionError as error:
                # Closed to others, from a day when the service ran as another user.
                yield root.name, Stuck("", error.strerror or "closed to us")


def _find_unused(data: DataDir, old: Old, *, remove: bool) -> Iterator[Found]:
    if old.unused is None:
        return
    sized = CacheFolder(data.sized, nested=True)
    yield from ((sized.name, each) for each in expire_unused(sized, old.unused, remove=remove))
    if remove:
        remove_empty(sized, now=old.unused.now)


def _find_too_much(data: DataDir, old: Old, cache: Cache, *, remove: bool) -> Iterator[Found]:
    def is_told(where: str, facts: os.stat_result) -> bool:
        if where == data.previews.name:
            return old.age.is_old(facts.st_mtime_ns)
        return old.unused is not None and old.unused.is_old(last_used(facts))

    # In a dry run what is old is still there, and would not be.
    return cache.shrink(remove=remove, skip=None if remove else is_told)
