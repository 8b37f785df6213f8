"""Waiting for what another process is about to do, where there is no event to wait for."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], *, patience: float = 60) -> bool:
    """Whether the condition holds, now or within `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
