"""
How large a JPEG XL is, told by its header, before anything of it is decoded.

Its package decodes the picture while it opens it, and ends the process where the samples do not
fit. The header is that of ISO/IEC 18181-1, annex D; the boxes around it are those of part 2.
"""

from typing import BinaryIO

from uploadsvc.images.memory import left
from uploadsvc.images.refusals import TooHeavy, TooManyPixels

_LONGEST = 32
"""Bytes; a header needs no more to say how large it is."""

_MOST_BOXES, _LARGEST = 1_000, 1 << 40
"""How many boxes are looked at, and of how many bytes each."""

_SMALL, _LENGTHS = 5, (9, 13, 18, 30)
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}

_PLAIN, _ANY = 4, 10
"""Bytes for each pixel of 8 bits and three colours, and of whatever else there may be: its
samples, and a little of what else the package needs before it makes room for them."""


def check(file: BinaryIO, *, max_pixels: int) -> None:
    """Raise `TooManyPixels`, or `TooHeavy` where there is no room for its samples."""
    codestream = _codestream(file)
    file.seek(0)
    bits = _Bits(codestream[2:])
    is_small = bits.take(1) == 1
    height = _side(bits, is_small)
    across, down = _RATIOS.get(bits.take(3), (0, 1))
    width = height * across // down or _side(bits, is_small)
    if width * height > max_pixels:
        raise TooManyPixels
    if width * height * (_PLAIN if bits.take(1) else _ANY) > left():
        raise TooHeavy


class _Bits:
    """Numbers of so many bits each, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value


def _side(bits: _Bits, is_small: bool) -> int:
    if is_small:
        return 8 * (1 + bits.take(_SMALL))
    return 1 + bits.take(_LENGTHS[bits.take(2)])


def _codestream(file: BinaryIO) -> bytes:
    """Return how the picture itself begins, bare or in boxes, of which there may be several."""
    found = file.read(_LONGEST)
    if found.startswith(b"\xff\x0a"):
        return found
    start, found = 0, b""
    for _ in range(_MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        size, name, body = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), 16
        if name == b"jxlp":
            # Which part it is.
            body += 4
        if name in (b"jxlc", b"jxlp"):
            file.seek(start + body)
            found += file.read(min(_LONGEST, size - body) if size else _LONGEST)
        start += size
        if len(found) >= _LONGEST or not body <= size < _LARGEST:
            return found
    raise TooHeavy
