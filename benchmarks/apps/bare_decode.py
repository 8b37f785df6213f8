"""
The limit of previews: decodes a JPEG at an eighth of its size, and does nothing else.

Prints the CPU seconds and the seconds of one decode, the means of so many after the first.
"""

import io
import sys
import time
from pathlib import Path

from PIL import Image

_SIZE = (320, 240)


def main(picture: bytes, times: int) -> None:
    _decode(picture)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        _decode(picture)
    print((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)


def _decode(picture: bytes) -> None:
    with Image.open(io.BytesIO(picture)) as image:
        image.draft("RGB", _SIZE)
        image.load()


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]))
