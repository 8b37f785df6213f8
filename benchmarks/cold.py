"""
New previews over HTTP: answers a second when eight clients ask at once, for two cores or more.

Every answer is of another file, of 12 megapixels, on the disk of the server; nobody has it.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks import peers, previewers, servers
from benchmarks.pictures import photograph
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Server
from benchmarks.tables import Goal, Table, at_least
from benchmarks.wire import BadAnswer, KeptAlive

_OURS = "uploadsvc serve, of stored pictures"
_OURS_REMOTE = "uploadsvc serve, of remote pictures"
_THUMBOR = "thumbor, of files"
_THUMBOR_REMOTE = "thumbor, of remote pictures"
_CLIENTS = 8


@dataclass(frozen=True)
class _Contender:
    server: Server
    paths: Iterator[str]
    """Each of a preview that is not there."""

    def ask(self, times: int) -> "_Served":
        """Ask for so many previews, and wait for all of them."""
        paths = list(islice(self.paths, times))
        before = self.server.cpu_seconds()
        began = time.perf_counter()
        with ThreadPoolExecutor(_CLIENTS) as clients:
            lengths = list(clients.map(self._one, paths))
        took = time.perf_counter() - began
        cpu = self.server.cpu_seconds() - before
        return _Served(each_second=times / took, cpu=cpu / times, length=lengths[-1])

    def _one(self, path: str) -> int:
        with KeptAlive(self.server.port, path) as connection:
            preview = connection.ask()
        if not preview.startswith(b"\xff\xd8"):
            raise BadAnswer(f"{self.server.name} answered something else than a JPEG")
        return len(preview)


@dataclass(frozen=True)
class _Served:
    each_second: float
    cpu: float
    """Seconds, of one."""
    length: int
    """Bytes of the last one."""


def measure(plan: Plan) -> Table:
    """Ask all that are there, in turn."""
    peers.install(plan.say)
    times = plan.pick(48, 160)
    with ExitStack() as stack:
        contenders = _contenders(stack, plan, photograph(plan))
        work: dict[str, Callable[[], _Served]] = {}
        for name, contender in contenders.items():
            contender.ask(_CLIENTS)  # what starts with the first pictures is no part of them
            work[name] = partial(contender.ask, times)
        results = interleaved(work, rounds=plan.pick(3, 5), say=plan.say)
        memory = {name: each.server.memory() for name, each in contenders.items()}
    return _table(results, memory)


def _contenders(stack: ExitStack, plan: Plan, picture: bytes) -> dict[str, _Contender]:
    source = stack.enter_context(previewers.source(plan.place("source"), picture))
    allowed = f"127.0.0.1:{source.port}"
    ours = stack.enter_context(servers.uploadsvc(plan.place("ours"), fetch_allow=allowed))
    addresses = (f"http://{allowed}/{number}.jpg" for number in itertools.count())
    contenders = {
        _OURS: _Contender(ours, map(previewers.our_path, previewers.stored(ours, picture))),
        _OURS_REMOTE: _Contender(ours, map(previewers.our_path, addresses)),
    }
    for name, start, path in (
        (_THUMBOR, _thumbor, previewers.thumbor_path),
        ("ipx", previewers.ipx, previewers.ipx_path),
        ("copyparty", previewers.copyparty, previewers.copyparty_path),
    ):
        if peers.has(name.partition(",")[0]):
            folder = name.replace(",", "").replace(" ", "-")
            shared = plan.place(f"files-of-{folder}")
            names = previewers.names(shared, picture)
            server = stack.enter_context(start(plan.place(folder), shared))
            contenders[name] = _Contender(server, map(path, names))
    if peers.has("thumbor"):
        server = stack.enter_context(_thumbor(plan.place("thumbor-remote"), None))
        contenders[_THUMBOR_REMOTE] = _Contender(server, map(previewers.thumbor_path, addresses))
    return contenders


def _thumbor(folder: Path, shared: Path | None) -> AbstractContextManager[Server]:
    # It keeps what it has made, as the others but ipx do.
    processes = os.cpu_count() or 1
    return previewers.thumbor(folder, shared=shared, keep_results=True, processes=processes)


def _table(results: Mapping[str, Sequence[_Served]], memory: Mapping[str, int]) -> Table:
    rate = {name: middle(each, lambda one: one.each_second) for name, each in results.items()}
    cpu = {name: middle(each, lambda one: one.cpu) for name, each in results.items()}
    return Table(
        title=f"New previews of a JPEG of 12 megapixels, 320x240, {_CLIENTS} clients at once",
        columns=(
            "contender",
            "answers a second",
            "CPU of one, ms",
            "bytes of an answer",
            "memory in all, MB (PSS)",
        ),
        rows=[
            (
                name,
                f"{rate[name]:.1f}",
                f"{cpu[name] * 1000:.1f}",
                str(each[-1].length),
                f"{memory[name] / 10**6:.0f}",
            )
            for name, each in results.items()
        ],
        goals=_goals(rate, cpu),
        notes=peers.missing(("thumbor", "ipx", "copyparty")),
    )


def _goals(rate: Mapping[str, float], cpu: Mapping[str, float]) -> list[Goal]:
    others = [name for name in rate if name not in (_OURS, _OURS_REMOTE, _THUMBOR_REMOTE)]
    goals = []
    if others:
        best, thriftiest = max(rate[name] for name in others), min(cpu[name] for name in others)
        goals += [
            at_least("answers a second, to the best peer with files", rate[_OURS] / best, 1.25),
            at_least("answers a CPU second, to the same", thriftiest / cpu[_OURS], 1.25),
        ]
    if _THUMBOR_REMOTE in rate:
        ratio = rate[_OURS_REMOTE] / rate[_THUMBOR_REMOTE]
        goals.append(at_least("answers a second, remote pictures, to thumbor", ratio, 1.25))
    return goals
