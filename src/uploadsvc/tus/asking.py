"""
How a request asks another one, which holds an upload, to let go of it: in any process.

In the same process the holder is told at once. Elsewhere it finds a file named like the
upload in a folder that all processes share, and that each looks into while it holds
anything. Nothing here locks: who holds what is said by the locks alone.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_EVERY = 0.1
_IDLE_ROUNDS = 50


class Asking:
    def __init__(self, folder: Path, *, every: float = _EVERY) -> None:
        """`folder` is made when it is needed; it is looked into `every` so many seconds."""
        self._folder = folder
        self._every = every
        self._holders: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._is_watched = False

    @contextlib.contextmanager
    def heard(self, name: str, let_go: Callable[[], None]) -> Iterator[None]:
        """
        Have `let_go` called when somebody asks, as often as they do, during the body of the
        `with` and never after it; it must neither wait nor raise.
        """
        with self._lock:
            self._holders[name] = let_go
            if not self._is_watched:
                # Without a thread only this process can ask; the next holder tries again.
                with contextlib.suppress(RuntimeError):
                    threading.Thread(target=self._watch, name="asking", daemon=True).start()
                    self._is_watched = True
        try:
            yield
        finally:
            with self._lock:
                if self._holders.get(name) is let_go:
                    del self._holders[name]

    def ask(self, name: str) -> None:
        """Ask whoever holds the upload to let go; may be said again and again."""
        with self._lock:
            if (let_go := self._holders.get(name)) is not None:
                let_go()
                return
        # On a full disk the holder cannot be asked, and the newcomer waits in vain.
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).touch()

    def let_all_go(self) -> None:
        """Have all holders of this process let go."""
        with self._lock:
            for let_go in self._holders.values():
                let_go()

    def withdraw(self, name: str) -> None:
        """Take back what was asked: it has happened, or is given up."""
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()

    def _watch(self) -> None:
        pause = threading.Event()
        idle = 0
        while True:
            pause.wait(self._every)
            with self._lock:
                idle = 0 if self._holders else idle + 1
                if idle > _IDLE_ROUNDS:
                    self._is_watched = False
                    return
                self._look()

    def _look(self) -> None:
        asked: list[str] = []
        if self._holders:
            with contextlib.suppress(OSError):
                asked = os.listdir(self._folder)
        for name in asked:
            if (let_go := self._holders.get(name)) is not None:
                self.withdraw(name)
                let_go()
