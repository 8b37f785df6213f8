"""
Small uploads: how many a CPU second takes in, by forms and by tus, and the price of fsync.

Nobody but the service brings a file to the disk before it answers. So that the same is compared,
all run under `eatmydata`, which turns every fsync into nothing; the service runs without it too.
Four connections are kept alive. Each sends its next file when it has the answer to the last.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks import memory, peers, receivers, servers
from benchmarks.exchange import Exchange
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Command, Server
from benchmarks.tables import Goal, Table, at_least
from benchmarks.wire import BadAnswer, Content

_PROGRAM = "eatmydata"
_FORM = "form: uploadsvc serve"
_JSON = "form, SHA-256 told: uploadsvc serve"
_COPYPARTY = "form: copyparty"
_UNHASHED = "form: copyparty, without checksums"
_TUS = "tus: uploadsvc serve"
_NODE = "tus: Node tus server"
_SYNCED = ", with fsync"
_CLIENTS = 4
_FIRST = 40
"""Files that are not counted, before all others."""

_TICK = 0.01
"""Seconds: less CPU than that cannot be told."""

_SIZES = {"1 KB": 1000, "1 MB": 10**6}

Send = Callable[[Exchange, int, bytes], None]


@dataclass(frozen=True)
class _Taken:
    each_cpu_second: float
    each_second: float
    seconds: float
    """Of one, the median."""


@dataclass(frozen=True)
class _Contender:
    server: Server
    send: Send
    numbers: Iterator[int] = field(default_factory=count)

    def take(self, data: bytes, times: int) -> _Taken:
        """Upload so many files."""
        memory.touch(self.server.folder, times * len(data))
        before, began = self.server.cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(_CLIENTS) as clients:
            shares = [clients.submit(self._client, data, times) for _ in range(_CLIENTS)]
            seconds = [one for share in shares for one in share.result()]
        wall = time.perf_counter() - began
        cpu = self.server.cpu_seconds() - before
        done = len(seconds)
        if _empty(self.server.folder, data) != done:
            raise BadAnswer(f"{self.server.name} has not kept all that was sent")
        return _Taken(done / max(cpu, _TICK), done / wall, median(seconds))

    def _client(self, data: bytes, times: int) -> list[float]:
        seconds = []
        with Exchange(self.server.port) as exchange:
            for _ in range(times // _CLIENTS):
                began = time.perf_counter()
                self.send(exchange, next(self.numbers), data)
                seconds.append(time.perf_counter() - began)
        return seconds


def measure(plan: Plan) -> Table:
    """Upload to each in turn, files of each size; without `eatmydata` there is no goal."""
    peers.install(plan.say)
    is_comparable = shutil.which(_PROGRAM) is not None
    with ExitStack() as stack:
        contenders = _contenders(stack, plan, (_PROGRAM,) if is_comparable else ())
        results = {
            name: _take_all(plan, contenders, bytes(next(iter(Content(size)))))
            for name, size in _SIZES.items()
        }
    return _table(results, is_comparable=is_comparable)


def _contenders(stack: ExitStack, plan: Plan, under: Command) -> dict[str, _Contender]:
    start = stack.enter_context
    ours = start(servers.uploadsvc(plan.place("ours"), command=(*under, servers.UPLOADSVC)))
    synced = start(servers.uploadsvc(plan.place("synced"))) if under else ours
    contenders = {
        _FORM: _Contender(ours, receivers.form),
        _FORM + _SYNCED: _Contender(synced, receivers.form),
        _JSON: _Contender(ours, receivers.form_for_json),
    }
    if peers.has(receivers.COPYPARTY):
        copyparty = partial(receivers.copyparty, name="copyparty", under=under)
        hashing = start(copyparty(plan.place("copyparty")))
        unhashed = start(copyparty(plan.place("unhashed"), hashing=False))
        contenders[_COPYPARTY] = _Contender(hashing, receivers.copyparty_form)
        contenders[_UNHASHED] = _Contender(unhashed, receivers.copyparty_form)
    contenders[_TUS] = _Contender(ours, receivers.create_with_upload)
    contenders[_TUS + _SYNCED] = _Contender(synced, receivers.create_with_upload)
    if peers.has(receivers.TUS_SERVER):
        node = start(receivers.tus_server(plan.place("node"), name="node", under=under))
        contenders[_NODE] = _Contender(node, receivers.create_with_upload)
    return contenders


def _take_all(
    plan: Plan, contenders: Mapping[str, _Contender], data: bytes
) -> Mapping[str, Sequence[_Taken]]:
    times, rounds = plan.pick(200, 400), plan.pick(3, 15)
    if len(data) > _SIZES["1 KB"]:
        times //= 5
    for each in contenders.values():
        each.take(data, _FIRST)
    work = {name: partial(each.take, data, times) for name, each in contenders.items()}
    return interleaved(work, rounds=rounds, say=plan.say)


def _empty(folder: Path, data: bytes) -> int:
    """
    Take the bytes out of all files that hold just these; return how many there are.

    The files stay: a file system goes out of its way for some minutes not to use their numbers
    again, and that would be counted with those who come next.
    """
    emptied = 0
    for file in (path for path in folder.rglob("*") if path.is_file()):
        if file.stat().st_size == len(data) and file.read_bytes() == data:
            os.truncate(file, 0)
            emptied += 1
    return emptied


def _table(results: Mapping[str, Mapping[str, Sequence[_Taken]]], *, is_comparable: bool) -> Table:
    columns = ["contender"]
    for size in results:
        columns += [f"{size}: a CPU second", "a second", "of one: median, ms"]
    rates = {
        size: {name: middle(each, lambda one: one.each_cpu_second) for name, each in some.items()}
        for size, some in results.items()
    }
    rows = [(name, *_cells(results, name)) for name in results["1 KB"]]
    missing = peers.missing((receivers.TUS_SERVER, receivers.COPYPARTY))
    return Table(
        title="Small uploads, one after the other over four connections",
        columns=columns,
        rows=rows,
        goals=_goals(rates) if is_comparable else (),
        notes=missing
        if is_comparable
        else [*missing, f"`{_PROGRAM}` is not installed: the service syncs every file here."],
    )


def _cells(results: Mapping[str, Mapping[str, Sequence[_Taken]]], name: str) -> list[str]:
    cells = []
    for taken in results.values():
        cells += [
            f"{middle(taken[name], lambda one: one.each_cpu_second):.0f}",
            f"{middle(taken[name], lambda one: one.each_second):.0f}",
            f"{middle(taken[name], lambda one: one.seconds) * 1000:.1f}",
        ]
    return cells


def _goals(rates: Mapping[str, Mapping[str, float]]) -> list[Goal]:
    goals = []
    for size, rate in rates.items():
        if _COPYPARTY in rate:
            ratio = rate[_FORM] / rate[_COPYPARTY]
            goals.append(at_least(f"{size}, form, a CPU second: to copyparty", ratio, 1))
        if _NODE in rate:
            ratio = rate[_TUS] / rate[_NODE]
            goals.append(at_least(f"{size}, tus, a CPU second: to the Node tus server", ratio, 0.5))
    return goals
