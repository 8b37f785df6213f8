"""
The price of durability: files of 1 MB, with fsync and without.

Without is the same command under `eatmydata`, which turns every fsync into nothing.
"""

import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks import servers
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Server
from benchmarks.tables import Goal, Table, at_least, at_most
from benchmarks.wire import Content, send_form

_WITH = "uploadsvc serve"
_WITHOUT = "the same under eatmydata"
_CONTENT = Content(10**6)
_CLIENTS = 8
_PROGRAM = "eatmydata"


@dataclass(frozen=True)
class _Uploads:
    alone: float
    """Seconds of an upload, the median, when there is one client."""

    rate: float
    """Uploads a second when there are eight clients."""


def measure(plan: Plan) -> Table:
    """Upload with both, in turn; without `eatmydata` there is only one of them, and no goal."""
    times = plan.pick(100, 400)
    commands: dict[str, servers.Command] = {_WITH: (servers.UPLOADSVC,)}
    if shutil.which(_PROGRAM):
        commands[_WITHOUT] = (_PROGRAM, servers.UPLOADSVC)
    with ExitStack() as stack:
        work = {}
        for name, command in commands.items():
            server = stack.enter_context(servers.uploadsvc(plan.place(name), command=command))
            work[name] = partial(_upload, server, times)
            _upload(server, _CLIENTS)
        results = interleaved(work, rounds=plan.pick(3, 5), say=plan.say)
    return _table(results)


def _upload(server: Server, times: int) -> _Uploads:
    alone = median(send_form(server.port, _CONTENT).seconds for _ in range(times))
    with ThreadPoolExecutor(_CLIENTS) as clients:
        began = time.perf_counter()
        for sent in [clients.submit(send_form, server.port, _CONTENT) for _ in range(times)]:
            sent.result()
        rate = times / (time.perf_counter() - began)
    for folder in (server.folder / "data" / "Storage").iterdir():
        shutil.rmtree(folder)
    return _Uploads(alone=alone, rate=rate)


def _table(results: Mapping[str, list[_Uploads]]) -> Table:
    alone = {name: middle(each, lambda one: one.alone) * 1000 for name, each in results.items()}
    rate = {name: middle(each, lambda one: one.rate) for name, each in results.items()}
    return Table(
        title="A file of 1 MB, from the first byte sent to the answer",
        columns=("contender", "one client: median, ms", f"{_CLIENTS} clients: files a second"),
        rows=[(name, f"{alone[name]:.1f}", f"{rate[name]:.0f}") for name in results],
        goals=_goals(alone, rate) if _WITHOUT in results else (),
        notes=() if _WITHOUT in results else (f"`{_PROGRAM}` is not installed.",),
    )


def _goals(alone: Mapping[str, float], rate: Mapping[str, float]) -> list[Goal]:
    return [
        at_most("fsync, in the median", alone[_WITH] - alone[_WITHOUT], 15, unit=" ms"),
        at_least("the rate to that without fsync", rate[_WITH] / rate[_WITHOUT], 0.9),
    ]
