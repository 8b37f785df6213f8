"""The moment when a fetch must be over, on a clock that nobody sets."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from uploadsvc.errors import SourceTooSlow

Clock = Callable[[], float]


@dataclass(frozen=True)
class Deadline:
    at: float
    clock: Clock

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> Self:
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left, more than 0; raise `SourceTooSlow` when there are none."""
        left = self.at - self.clock()
        if left <= 0:
            raise SourceTooSlow("the source of the picture is too slow")
        return left

    def within(self, seconds: float | None) -> "Deadline":
        """Return the earlier of this and `seconds` from now."""
        if seconds is None:
            return self
        return Deadline(min(self.at, self.clock() + seconds), self.clock)
