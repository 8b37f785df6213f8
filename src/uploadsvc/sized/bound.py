"""
At most so many sizes of a picture: those that were made, and those that are being made.

Sizes that are being made are counted within one process, as its places are; several
processes may pass the bound by what each is making at the moment.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from uploadsvc.errors import BadInput


class TooManySizes(BadInput):
    code = "too-many-sizes"


class SizeBound:
    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._being_made: Counter[tuple[str, str]] = Counter()

    @contextlib.contextmanager
    def one(self, image: str, size: str, *, made: Callable[[], set[str]]) -> Iterator[None]:
        """
        Have a place for a size of a picture for the body of the `with`.

        `made` returns the sizes that are there. Raise `TooManySizes` when this would be one
        more than there may be.
        """
        with self._lock:
            sizes = made() | {other for each, other in self._being_made if each == image}
            if size not in sizes and len(sizes) >= self._most:
                raise TooManySizes(f"there are {len(sizes)} sizes of this picture already")
            self._being_made[image, size] += 1
        try:
            yield
        finally:
            with self._lock:
                self._being_made[image, size] -= 1
                self._being_made += Counter()  # without what has come to none
