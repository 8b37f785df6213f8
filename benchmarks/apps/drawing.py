"""
What those that draw in a process of their own have in common: the job, the loop, the report.

The job is JSON on the command line, see `benchmarks.drawers.Job`; the report is JSON on standard
output: of each picture the CPU seconds that it took, or why it failed. Each is read from its
file and drawn again every time. The first of all is drawn once before, so that no start counts.
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main(draw: Callable[[Path, Any], bytes]) -> None:
    """Draw all pictures of the job, each so many times; print the CPU of each, and failures."""
    job = SimpleNamespace(**json.loads(sys.argv[1]))
    cpu: dict[str, float] = {}
    failed: dict[str, str] = {}
    for picture in map(Path, [job.pictures[0], *job.pictures]):
        before = _cpu_seconds()
        try:
            for _ in range(job.times):
                data = draw(picture, job)
        except Exception as error:
            # Each of the contenders fails in its own way; all that counts is that it did.
            failed[picture.name] = f"{type(error).__name__}: {error}"[:200]
            continue
        cpu[picture.name] = (_cpu_seconds() - before) / job.times
        if job.into:
            (Path(job.into) / f"{picture.name}.{job.format}").write_bytes(data)
    print(json.dumps({"cpu": cpu, "failed": failed}))


def _cpu_seconds() -> float:
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in usage)
