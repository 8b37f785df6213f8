"""
A bounded number of places for one kind of work, and a refusal for whoever comes beyond.

Nobody waits for a place: a thread that waits is a thread that answers nobody. Places count
within one process, as its threads do, which are what they protect.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

from uploadsvc.errors import Unavailable


class Places:
    def __init__(self, number: int, *, refusal: str) -> None:
        """`refusal` is the sentence for whoever finds no place."""
        self._free = threading.BoundedSemaphore(number)
        self._refusal = refusal

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Have a place for the body of the `with`; raise `Unavailable` when none is free."""
        leave = self.take()
        try:
            yield
        finally:
            leave()

    def take(self) -> Callable[[], None]:
        """Take a place and return what leaves it, once; raise `Unavailable` when none is free."""
        if not self._free.acquire(blocking=False):
            raise Unavailable(self._refusal)
        return self._free.release
