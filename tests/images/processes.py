"""What the decoder processes of this test run are, and whether they live."""

import multiprocessing
from pathlib import Path

NAME = "pebble_pool_worker"


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
