"""
What every benchmark is told: how much to do, where, and whom to tell.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plan:
    folder: Path
    """An empty folder on a real disk; it goes when the benchmark has ended."""

    full: bool = False
    """The counts and sizes of the documents, rather than those of a quick look."""

    picture: Path | None = None
    """A JPEG to make previews of, instead of one that is made up."""

    def pick(self, few: int, many: int) -> int:
        """Return the small count, or the large one of a full run."""
        return many if self.full else few

    def say(self, what: str) -> None:
        """Tell on standard error how far it is."""
        print(what, file=sys.stderr, flush=True)

    def place(self, name: str) -> Path:
        """Return a new folder of that name."""
        place = self.folder / name
        place.mkdir(parents=True)
        return place


@contextmanager
def working_folder() -> Iterator[Path]:
    """
    Give an empty folder beside the benchmarks, and remove it in the end.

    Never the system's folder for temporary files: that may be memory, where fsync is free.
    """
    with tempfile.TemporaryDirectory(prefix=".data-", dir=PROJECT / "benchmarks") as folder:
        yield Path(folder)
