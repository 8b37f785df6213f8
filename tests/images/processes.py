"""What the decoder processes of this test run are, and what they took."""

import multiprocessing
from pathlib import Path

NAME = "pebble_pool_worker"


def workers():
    """Those that live."""
    found = [child for child in multiprocessing.active_children() if child.name == NAME]
    return {child.pid for child in found}


def peak_memory(pid):
    """The most that was resident at a time, in bytes; 0 when the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024 if peaks else 0


def ended(pid):
    """Gone, or waiting for somebody to notice."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
