"""
What counts as the memory of a decoder process.

The limit counts what is mapped, since that is what the system can refuse. Some libraries map
tens of megabytes when they are loaded and never touch them; that must not be missing for
pictures.
"""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from uploadsvc.heap import keep_freed

HEADROOM = 64_000_000
"""Bytes that may be mapped beyond the limit without being used."""

_LARGEST = 1 << 27
"""Bytes; what is larger is asked for anew each time."""

_KEPT = 1 << 26
"""Bytes that are kept at most."""

_STATM = Path("/proc/self/statm")


def limit(size: int) -> None:
    """Let this process have so many bytes of its own at most."""
    _set(size, size + HEADROOM)


def left() -> float:
    """Return how many bytes more there may be."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return float("inf") if soft == resource.RLIM_INFINITY else soft - _sizes()[1]


def reuse() -> None:
    """Have this process keep the memory of one picture for the next."""
    keep_freed(largest=_LARGEST, at_most=_KEPT)


@contextlib.contextmanager
def untouched_is_free() -> Iterator[None]:
    """Do not count what is mapped in the body of the `with` and not used by its end."""
    resident, mapped = _sizes()
    yield
    now_resident, now_mapped = _sizes()
    idle = (now_mapped - mapped) - (now_resident - resident)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if idle > 0 and soft != resource.RLIM_INFINITY:
        _set(soft + idle, hard)


def _set(soft: int, hard: int) -> None:
    _, highest = resource.getrlimit(resource.RLIMIT_DATA)
    if highest != resource.RLIM_INFINITY:
        hard = min(hard, highest)
    resource.setrlimit(resource.RLIMIT_DATA, (min(soft, hard), hard))


def _sizes() -> tuple[int, int]:
    """Return the bytes that are resident, and those that are mapped as data."""
    _, resident, _, _, _, data, _ = map(int, _STATM.read_text().split())
    page = os.sysconf("SC_PAGESIZE")
    return resident * page, data * page
