"""
What runs in a decoder process: limits first, then one picture after the other.

A process reads pictures that strangers made with code that has been broken before. It can
write no file, take no more than its memory, and dies at once when its server does.
"""

import contextlib
import fcntl
import gc
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing import parent_process
from pathlib import Path
from typing import BinaryIO, TypeVar

from uploadsvc.errors import Missing, Unavailable, UploadsvcError
from uploadsvc.images import preview
from uploadsvc.images.memory import limit as memory_limit
from uploadsvc.images.memory import reuse
from uploadsvc.images.picture import Facts, Picture
from uploadsvc.images.recipe import Recipe
from uploadsvc.images.variants import Variant

Result = TypeVar("Result")

_CODE = 24_000_000
"""Bytes of programs and libraries that are resident beside what the limit counts."""

_OPEN_FILES = 64

_NICENESS = 10


def prepare(memory: int) -> None:
    """Take the limits on; `memory` is what may be resident, in bytes."""
    if memory <= _CODE:
        raise ValueError(f"a decoder needs more than {_CODE} bytes of memory")
    # Whoever waits for an answer that needs no drawing goes first.
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    # numpy, which a faster decoder may bring, would take memory for threads that are not used.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # Killed in the middle of a decoder, which Python's own handlers would wait for.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    # Private writable memory, counted when it is asked for: the heap, and each large buffer.
    memory_limit(memory - _CODE)
    reuse()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    # Some decoders complain there, in words that the file chooses.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)


def draw(path: Path, variant: Variant, recipe: Recipe) -> Picture:
    """Draw one preview; every error has a sentence that a client may read."""
    return _with_file(path, lambda file: preview.draw_preview(file, variant, recipe))


def probe(path: Path, recipe: Recipe) -> Facts:
    """Say what a picture is; every error has a sentence that a client may read."""
    return _with_file(path, lambda file: preview.probe(file, recipe))


def measure(path: Path, recipe: Recipe) -> Facts:
    """Say what a picture is by its header; every error has a sentence that a client may read."""
    return _with_file(path, lambda file: preview.measure(file, recipe))


def _with_file(path: Path, work: Callable[[BinaryIO], Result]) -> Result:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise Missing("the picture is not there any more") from error
    except OSError as error:
        raise Unavailable("the picture cannot be read") from error
    with file:
        try:
            return work(file)
        except UploadsvcError as error:
            refusal: UploadsvcError = type(error)(*error.args)
    # A refusal that carried its traceback would keep the pixels of this picture alive, and
    # what they take would be missing for the next.
    gc.collect()
    raise refusal


def _die_with_parent() -> None:
    """Have the kernel end this process, whatever it is doing, when the server is gone."""
    parent = parent_process()
    if parent is None:
        return
    # The server holds the other end of this pipe and never writes to it any more: the only
    # thing that can happen to it is that it closes. SIGIO then ends whoever does not handle it.
    pipe = parent.sentinel
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))
