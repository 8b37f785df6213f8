"""
Saves files and whole folders as pictures by ID, and goes on past what is none.

Of each file the name without extension becomes the title, the path a reference, and its
time the time of the picture. In folders names that begin with a dot are left alone, and
links are not followed.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from uploadsvc.errors import NoRoom, UploadsvcError
from uploadsvc.sized import Images


@dataclass(frozen=True)
class Saved:
    path: Path
    image: str
    """Its ID."""


@dataclass(frozen=True)
class Refused:
    path: Path
    reason: str


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """
    Yield the files in folders and below, sorted, and every path that is no folder.

    A folder that cannot be read is yielded too: whoever opens it is told why.
    """
    for path in paths:
        yield from _walk(path) if path.is_dir() else [path]


def save_files(images: Images, files: Iterable[Path]) -> Iterator[Saved | Refused]:
    """
    Save each file; yield what became of it, one by one.

    Raise `NoRoom` when there is none for any more.
    """
    for path in files:
        try:
            yield Saved(path, _save(images, path))
        except NoRoom:
            raise
        except UploadsvcError as error:
            yield Refused(path, str(error))
        except OSError as error:
            yield Refused(path, error.strerror or "it cannot be read")


def printable(path: Path) -> str:
    """Return a path as it may stand in a line: what is not printable, and `\\`, is escaped."""
    text = os.fsencode(path).replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _walk(folder: Path) -> Iterator[Path]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                inside = sorted(
                    (entry for entry in entries if not entry.name.startswith(".")),
                    key=lambda entry: entry.name,
                    reverse=True,
                )
        except OSError:
            # A file, or a folder that may not be read.
            yield here
        else:
            waiting += [
                Path(entry.path)
                for entry in inside
                if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
            ]


def _save(images: Images, path: Path) -> str:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # A pipe would be waited for.
        raise OSError(errno.EINVAL, "Not a file")
    with path.open("rb") as file:
        return images.save_image(
            file,
            timestamp=_time(os.fstat(file.fileno())),
            title=path.stem,
            references=printable(path.absolute()),
            filename=path.name,
        )


def _time(facts: os.stat_result) -> datetime | None:
    try:
        return datetime.fromtimestamp(facts.st_mtime, tz=UTC)
    except (ValueError, OverflowError, OSError):
        # A time that no calendar has.
        return None
