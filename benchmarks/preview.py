"""
A new preview of a picture of 12 megapixels: CPU for each, and the memory of the server.

Every preview is of another address, so nothing is cached; all fetch it from the same host. The
limit is a bare decode at an eighth of the size, which fetches, shrinks and writes nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path

from benchmarks import drawers, peers, previewers, servers
from benchmarks.pictures import photograph
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Server
from benchmarks.tables import Goal, Table, at_most
from benchmarks.wire import BadAnswer, KeptAlive

_OURS = "uploadsvc serve"
_STORED = "uploadsvc serve, of a stored picture"
_THUMBOR = "thumbor"
_OLD = "old scripts, ported"
_BARE = "bare decode at 1/8"
_WARM_UP = 4  # a decoder that starts is no part of a preview


@dataclass(frozen=True)
class _Drawn:
    cpu: float
    """Of one preview, in seconds."""

    wall: float
    length: int = 0
    """Bytes of the last one; 0 where none was written."""


def measure(plan: Plan) -> Table:
    """Ask each contender, in turn, for previews that it does not have."""
    peers.install(plan.say)
    picture = photograph(plan)
    times = plan.pick(10, 40)
    with ExitStack() as stack:
        source = stack.enter_context(previewers.source(plan.place("source"), picture))
        allowed = f"127.0.0.1:{source.port}"
        ours = stack.enter_context(servers.uploadsvc(plan.place("ours"), fetch_allow=allowed))
        contenders = {
            _OURS: (ours, previewers.our_path),
            _THUMBOR: (
                stack.enter_context(previewers.thumbor(plan.place("thumbor"))),
                previewers.thumbor_path,
            ),
            _OLD: (
                stack.enter_context(previewers.old_scripts(plan.place("old"))),
                previewers.our_path,
            ),
        }
        addresses = (f"http://{allowed}/{number}.jpg" for number in count())
        work: dict[str, Callable[[], _Drawn]] = {}
        for name, (server, path) in contenders.items():
            _ask(server, map(path, addresses), _WARM_UP)
            work[name] = partial(_ask, server, map(path, addresses), times)
        stored = previewers.stored(ours, picture)
        work[_STORED] = partial(_ask, ours, map(previewers.our_path, stored), times)
        work[_BARE] = partial(_decode, source.folder / "photograph.jpg", times)
        results = interleaved(work, rounds=plan.pick(3, 5), say=plan.say)
        memory = {name: server.memory() for name, (server, _) in contenders.items()}
    return _table(len(picture), results, memory)


def _ask(server: Server, paths: Iterator[str], times: int) -> _Drawn:
    before = server.cpu_seconds()
    began = time.perf_counter()
    for path in islice(paths, times):
        with KeptAlive(server.port, path) as connection:
            preview = connection.ask()
        if not preview.startswith(b"\xff\xd8"):
            raise BadAnswer(f"{server.name} answered something else than a JPEG")
    took = time.perf_counter() - began
    cpu = server.cpu_seconds() - before
    return _Drawn(cpu=cpu / times, wall=took / times, length=len(preview))


def _decode(picture: Path, times: int) -> _Drawn:
    cpu, wall = drawers.decode(picture, times)
    return _Drawn(cpu=cpu, wall=wall)


def _table(picture: int, results: Mapping[str, list[_Drawn]], memory: Mapping[str, int]) -> Table:
    cpu = {name: middle(each, lambda one: one.cpu) for name, each in results.items()}
    rows = [
        (
            name,
            f"{cpu[name] * 1000:.1f}",
            f"{cpu[name] / cpu[_BARE]:.2f}",
            f"{middle(each, lambda one: one.wall) * 1000:.1f}",
            str(each[-1].length or ""),
            f"{memory[name] / 10**6:.0f}" if name in memory else "",
        )
        for name, each in results.items()
    ]
    return Table(
        title=f"A new preview, 320x240, of a JPEG of 12 megapixels and {picture / 10**6:.1f} MB",
        columns=(
            "contender",
            "CPU of one, ms",
            "to the bare decode",
            "wall, ms",
            "bytes of an answer",
            "memory in all, MB (PSS)",
        ),
        rows=rows,
        goals=_goals(cpu, memory),
    )


def _goals(cpu: Mapping[str, float], memory: Mapping[str, int]) -> list[Goal]:
    return [
        at_most("CPU to thumbor", cpu[_OURS] / cpu[_THUMBOR], 1),
        at_most("CPU to the old scripts", cpu[_OURS] / cpu[_OLD], 1),
        at_most("CPU to the bare decode", cpu[_OURS] / cpu[_BARE], 1.35),
        at_most("the same, of a stored picture", cpu[_STORED] / cpu[_BARE], 1.35),
        at_most("memory in all (PSS)", memory[_OURS] / 10**6, 200, unit=" MB"),
    ]
