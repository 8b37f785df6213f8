"""
What has been made of a picture: a small file of its own notes every preview that was kept.

A note is a hint. What it names may be gone by now, swept or removed, and is looked for
before anybody relies on it; one that is lost costs a decode, and no more.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from uploadsvc.images import Picture, Variant

SUFFIX = ".made"
"""Of files of notes that lie among previews."""

_MODE = 0o644
_GOOD = (".jpeg", ".png", ".webp")

_TIMES = 2
"""How many times larger than a new preview another must be, to be drawn from."""

_LONGEST = 1 << 20
"""Bytes of a file of notes that are read."""


@dataclass(frozen=True)
class Made:
    """A preview that was kept."""

    name: str
    """Of its file, below the folder of the previews."""
    width: int
    height: int
    """Pixels."""
    full: tuple[int, int]
    """Width and height of the whole picture, upright."""
    faithful: bool
    """Whether it can stand for the picture, only smaller."""

    @classmethod
    def of(cls, picture: Picture, name: str, variant: Variant) -> Self:
        """Return what is to be noted of a preview."""
        is_whole = not (picture.animated or variant.still or variant.size.crop)
        return cls(
            name,
            picture.width,
            picture.height,
            full=picture.full,
            faithful=picture.faithful and is_whole,
        )

    def is_enough_for(self, variant: Variant) -> bool:
        """Whether the variant can be drawn from it as well as from the picture."""
        if not self.faithful or not self.name.endswith(_GOOD):
            return False
        left, top, right, bottom = variant.size.part(*self.full)
        width, height = variant.size.fit(*self.full)
        # How much of the whole is shown: of a part, more must be there.
        return (
            self.width * (right - left) >= _TIMES * width * self.full[0]
            and self.height * (bottom - top) >= _TIMES * height * self.full[1]
        )


def note(path: Path, made: Made, *, modified_ns: int | None = None) -> None:
    """
    Add a note to the file at `path`. A disk that is full forgets it: no harm done.

    `modified_ns` becomes the file's modification time.
    """
    line = f"{made.width} {made.height} {made.full[0]} {made.full[1]} {made.faithful:d} {made.name}"
    with contextlib.suppress(OSError):
        # One write of one short line: others that append at the same time do not mix with it.
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            os.write(fd, f"{line}\n".encode())
            if modified_ns is not None:
                os.utime(fd, ns=(modified_ns, modified_ns))
        finally:
            os.close(fd)


def noted(path: Path) -> dict[str, Made]:
    """Return what the file at `path` notes, the last note of each name."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        text = file.read(_LONGEST).decode("ascii", "replace")
        return {made.name: made for made in _read(text)}
    return {}


def _read(text: str) -> Iterator[Made]:
    for line in text.splitlines():
        # Half a line is what a kill may leave.
        with contextlib.suppress(ValueError):
            width, height, full_width, full_height, faithful, name = line.split(" ", 5)
            yield Made(
                name,
                int(width),
                int(height),
                full=(int(full_width), int(full_height)),
                faithful=faithful == "1",
            )
