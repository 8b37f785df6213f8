"""
The system's memory, made ready before anybody is measured.
"""

from pathlib import Path

from benchmarks.wire import Content


def touch(folder: Path, size: int) -> None:
    """
    Have the system hold as much memory as files of so many bytes will need.

    A virtual machine is given its memory when it first writes to it, and takes it back when it
    is free for a while. Whose turn that falls into is chance, and it may cost more than an upload.
    """
    touched = folder / "touched"
    with touched.open("wb", buffering=0) as file:
        for piece in Content(size):
            file.write(piece)
    touched.unlink()
