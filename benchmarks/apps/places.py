"""
Where an application puts an upload: a new file in the folder that `UPLOADS` names.
"""

import os
from pathlib import Path
from tempfile import mkdtemp
from typing import IO


def new_place() -> Path:
    """Return the path of a file that is not there yet, in a folder of its own."""
    return Path(mkdtemp(dir=os.environ["UPLOADS"])) / "upload"


def flush(file: IO[bytes]) -> None:
    """Bring a file to the disk."""
    file.flush()
    os.fsync(file.fileno())
