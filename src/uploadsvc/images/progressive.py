"""
A progressive JPEG, cut to the scans that can be seen at an eighth of its size or less.

At an eighth a block of 8 x 8 becomes one pixel, its mean, which is its first coefficient. The
scans that refine the others (most of the file, and nearly all of the work) change nothing then;
only colours that are stored at half size need some of theirs. The pixels stay the same. Markers
and coding are those of ITU-T T.81; which coefficients count is how libjpeg scales (jdmaster.c).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from uploadsvc.images.scans import MARKER

_SOF2, _DHT, _SOI, _EOI, _SOS = 0xC2, 0xC4, 0xD8, 0xD9, 0xDA
_TABLES = {0xDB, _DHT, 0xDD}  # quantization, Huffman, restart interval
_COLOURS = {0xE0, 0xEE}  # JFIF and Adobe: how colours are coded
_OTHER_FRAMES = {*range(0xC0, 0xD0)} - {_SOF2, _DHT, 0xC8}

_RUNS = bytes(length << 4 for length in range(15))
"""Symbols for "nothing in the next 2^n blocks, and so many more" (T.81 G.1.2.2)."""


@dataclass(frozen=True)
class _Component:
    across: int
    """Blocks."""
    down: int
    is_coarse: bool
    """Whether one pixel comes of each of its blocks."""


def without_fine_scans(data: bytes) -> bytes | None:
    """Return the JPEG without what makes no difference at 1/8; None for what is another kind."""
    try:
        return _cut(data)
    except (LookupError, ArithmeticError, ValueError, struct.error):
        # Broken, then: the decoder says how.
        return None


def _cut(data: bytes) -> bytes | None:
    components: dict[int, _Component] = {}
    kept = [data[:2]]
    ended = False
    for marker, start, end in _segments(data):
        if marker in _OTHER_FRAMES:
            return None
        if marker == _SOF2:
            components = _components(data[start:end])
        if marker == _SOS and not _counts(data[start:end], components):
            continue
        if marker == _EOI:
            ended = True
        elif marker in _TABLES or marker in _COLOURS or marker in (_SOF2, _SOS):
            kept.append(b"\xff%c" % marker + data[start:end])
    if not ended or not components:
        return None
    kept += [_empty_scan(number, each) for number, each in components.items() if each.is_coarse]
    return b"".join([*kept, b"\xff\xd9"])


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker with where its segment starts and ends, coded data included."""
    at = 2
    while (found := MARKER.search(data, at)) is not None:
        marker, start = found[1][0], found.end()
        if marker == _EOI:
            yield marker, start, start
            return
        end = start + struct.unpack_from(">H", data, start)[0]
        if marker == _SOS:
            following = MARKER.search(data, end)
            end = following.start() if following else len(data)
        yield marker, start, end
        at = end


def _components(frame: bytes) -> dict[int, _Component]:
    """Read a frame header (T.81 B.2.2)."""
    height, width, count = struct.unpack_from(">HHB", frame, 3)
    factors = {
        frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(8, 8 + 3 * count, 3)
    }
    most_across = max(across for across, _ in factors.values())
    most_down = max(down for _, down in factors.values())
    return {
        number: _Component(
            across=_blocks(width, across, most_across),
            down=_blocks(height, down, most_down),
            is_coarse=most_across % (across * 2) > 0 or most_down % (down * 2) > 0,
        )
        for number, (across, down) in factors.items()
    }


def _blocks(side: int, factor: int, most: int) -> int:
    samples = -(-side * factor // most)
    return -(-samples // 8)


def _counts(scan: bytes, components: dict[int, _Component]) -> bool:
    """Whether a scan (T.81 B.2.3) changes anything at 1/8."""
    first_coefficient = scan[3 + 2 * scan[2]]
    return first_coefficient == 0 or not components[scan[3]].is_coarse


def _empty_scan(number: int, component: _Component) -> bytes:
    """
    Return a scan that says of every other coefficient of a component that it is zero.

    Without it the decoder would take them for missing and smooth the picture.
    """
    left = component.across * component.down
    bits = ""
    while left:
        length = min(14, left.bit_length() - 1)
        extra = min(left, (2 << length) - 1) - (1 << length)
        bits += f"{length:04b}" + (f"{extra:0{length}b}" if length else "")
        left -= (1 << length) + extra
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    restarts = b"\xff\xdd\0\4\0\0"
    # Fifteen codes of four bits, in the table number 0 for such coefficients.
    table = b"\x10" + bytes([0, 0, 0, len(_RUNS), *[0] * 12]) + _RUNS
    header = bytes([1, number, 0, 1, 63, 0])
    return b"".join(
        (
            restarts,
            b"\xff\xc4" + struct.pack(">H", 2 + len(table)) + table,
            b"\xff\xda" + struct.pack(">H", 2 + len(header)) + header,
            coded,
        )
    )
