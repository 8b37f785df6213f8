"""
What processes have cost: CPU seconds and memory of a process and all it started.

CPU is user and system time, in seconds, with the time of children that have ended: it is read
before and after the work. It comes in hundredths of a second, so the work must be longer than that.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True)
class Spent:
    cpu: float
    wall: float


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of all that it started, ended ones too."""
    return sum(_ticks(each) for each in family(pid)) / _TICKS


def memory(pid: int) -> int:
    """Return the bytes of memory (PSS) of a process and of all that it started."""
    return sum(_proportional_set_size(each) for each in family(pid))


def family(pid: int) -> list[int]:
    """Return a process id and those of all its descendants that are alive."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(*_GONE):  # a thread may have ended since it was listed
            children.extend(map(int, task.read_text().split()))
    return [pid, *(one for child in children for one in family(child))]


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Spent:
    """
    Run a command to its end and return what it has cost, its start included.

    Raises `CalledProcessError` where it fails. What it prints is dropped.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=environ, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(map(str, command)))
    return Spent(cpu=usage.ru_utime + usage.ru_stime, wall=wall)


def _ticks(pid: int) -> int:
    with suppress(*_GONE):
        # The name of the process stands in brackets and may hold anything: see proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return 0


def _proportional_set_size(pid: int) -> int:
    with suppress(*_GONE):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
