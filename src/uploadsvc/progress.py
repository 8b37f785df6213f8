"""
A progress bar on a terminal; anywhere else nothing at all.
"""

from types import TracebackType
from typing import Self, TextIO

_WIDTH = 30
_CLEAR = "\r\x1b[K"


class Progress:
    """A line that says how much is done; it is gone at the end of the `with`."""

    def __init__(self, stream: TextIO, *, total: int) -> None:
        self._stream = stream
        self._total = total
        self._done = 0
        self._is_shown = stream.isatty()

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, so that something else can be written."""
        if self._is_shown:
            self._stream.write(_CLEAR)
            self._stream.flush()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        self._draw()

    def _draw(self) -> None:
        if self._is_shown:
            filled = _WIDTH * self._done // max(1, self._total)
            bar = "#" * filled + "." * (_WIDTH - filled)
            self._stream.write(f"{_CLEAR}[{bar}] {self._done} of {self._total}")
            self._stream.flush()
