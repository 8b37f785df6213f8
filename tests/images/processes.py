"""Of the decoder processes of this test run: which live, how to keep one busy, what takes long."""

import contextlib
import fcntl
import multiprocessing
import os
import termios
import threading
from pathlib import Path

import pytest

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
    writer = writer_of(endless)
    # Whoever takes this waits for more.
    os.write(writer, b"?")
    assert eventually(lambda: fcntl.ioctl(writer, termios.FIONREAD, bytes(4)) == bytes(4))
    return thread, outcomes, writer


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


def seldom(cases, *slow):
    """Test cases by name; those with one of these words in it are live."""
    return [
        pytest.param(case, marks=pytest.mark.live) if any(word in case for word in slow) else case
        for case in cases
    ]
