"""What the decoder processes of this test run are, whether they live, and how to keep one busy."""

import contextlib
import multiprocessing
import os
import threading
from pathlib import Path

from uploadsvc.images import Size, Variant
from waiting import eventually

NAME = "pebble_pool_worker"
BOX = Variant(Size(60, 60))


def workers():
    """Those that live."""
    found = [child for child in multiprocessing.active_children() if child.name == NAME]
    return {child.pid for child in found}


def ended(pid):
    """Gone, or waiting for somebody to notice."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def outcome(decoders, file):
    """The picture, or why there is none."""
    try:
        return decoders.draw(file, BOX)
    except Exception as error:
        return error


def busy(decoders, endless):
    """Start drawing what never ends, wait until its process reads it; return the thread."""
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(outcome(decoders, endless)))
    thread.start()
    return thread, outcomes, writer_of(endless)


def writer_of(pipe):
    """Open a pipe for writing as soon as somebody reads it; give up when nobody ever does."""
    opened = []

    def is_read():
        # Without O_NONBLOCK it would wait for a reader that may have died.
        with contextlib.suppress(OSError):
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return opened

    assert eventually(is_read), "nobody reads it"
    return opened[0]
