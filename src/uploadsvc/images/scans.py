"""
How many times a JPEG decoder would have to go over a picture.

A progressive JPEG comes in scans, each of which touches every block of the picture. Real
ones have about ten; a file of a few kilobytes can hold thousands, and keep a decoder busy
for minutes. Only headers are looked at, and only as far as needed (ITU-T T.81, Annex B).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

# Markers that a decoder acts on. RST and TEM have no length and end nothing; 0xFF00 is data.
MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
_EOI, _SOS = 0xD9, 0xDA
_BARE = {0xD8, _EOI}
# Baseline, extended and arithmetic coding, one pass each unless the components come apart.
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PIECE = 1 << 18


def count_scans(file: BinaryIO, *, enough: int) -> int:
    """Return how many scans a JPEG has, or `enough` when there are at least so many."""
    sequential, components, scans = False, -1, 0
    for marker, first, number in _segments(file):
        if marker in _FRAMES:
            sequential, components = marker in _SEQUENTIAL, number
        elif marker == _SOS:
            scans += 1
            # One scan that holds all components is all that a decoder reads.
            if scans >= enough or (sequential and first == components):
                break
    return scans


def _segments(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield each marker with the first and the sixth byte of its segment, up to the end."""
    at = 0
    while (found := _next_marker(file, at)) is not None:
        marker, at = found
        if marker == _EOI:
            return
        if marker in _BARE:
            continue
        file.seek(at)
        head = file.read(8).ljust(8, b"\0")
        yield marker, head[2], head[7]
        at += max(2, int.from_bytes(head[:2], "big"))


def _next_marker(file: BinaryIO, at: int) -> tuple[int, int] | None:
    """Return the first marker from `at` on and where its segment begins; None at the end."""
    file.seek(at)
    # Most markers follow at once; only coded data is searched in large pieces.
    piece = file.read(16)
    while len(piece) > 1:
        if found := MARKER.search(piece):
            return found[1][0], at + found.end()
        # The last byte may be the first half of a marker.
        at += len(piece) - 1
        file.seek(at)
        piece = file.read(_PIECE)
    return None
