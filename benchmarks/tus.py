"""
One large resumable upload: CPU for each gigabyte of a PATCH, and memory while it comes.

Hashing is counted apart. The service computes a SHA-256 when somebody first asks for it, which is
measured by asking. copyparty computes a SHA-512 of what it takes: what that costs is the
difference to the same copyparty without it. The Node tus server computes none.
"""

import hashlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import memory, peers, receivers, servers
from benchmarks.exchange import Exchange
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Server
from benchmarks.tables import Goal, Table, at_most
from benchmarks.wire import BadAnswer, Content

_OURS = "uploadsvc serve, PATCH"
_NODE = "Node tus server, PATCH"
_COPYPARTY = "copyparty, PUT"
_UNHASHED = "copyparty, PUT, without checksums"
_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class _Upload:
    cpu: float
    """Seconds for each gigabyte."""

    hashing: float
    """The same, of the SHA-256 that was asked for afterwards."""

    wall: float


@dataclass(frozen=True)
class _Memory:
    most: int
    """Bytes of memory (PSS) in the whole upload."""

    growth: int
    """How much more of them there was in its second half than in the first."""


def measure(plan: Plan) -> Table:
    """Upload to each in turn, 1 GB where it is a full run; then five times as much, for memory."""
    peers.install(plan.say)
    content = Content(plan.pick(400, 1000) * 10**6)
    large = Content(5 * content.size)
    digest, large_digest = content.sha256(), large.sha256()
    with ExitStack() as stack:
        contenders = _contenders(stack, plan, large.size)
        work = {each.name: partial(_upload, each, content, digest) for each in contenders}
        uploads = interleaved(work, rounds=plan.pick(3, 9), say=plan.say)
        fill = {each.name: partial(_fill, each, large, large_digest) for each in contenders}
        filled = interleaved(fill, rounds=1, say=plan.say)
    return _table(content, large, uploads, {name: one for name, [one] in filled.items()})


def _contenders(stack: ExitStack, plan: Plan, largest: int) -> list[Server]:
    contenders = [servers.uploadsvc(plan.place("ours"), name=_OURS, max_upload=largest)]
    if peers.has(receivers.TUS_SERVER):
        contenders.append(receivers.tus_server(plan.place("node"), name=_NODE))
    if peers.has(receivers.COPYPARTY):
        contenders += [
            receivers.copyparty(plan.place("copyparty"), name=_COPYPARTY),
            receivers.copyparty(plan.place("unhashed"), name=_UNHASHED, hashing=False),
        ]
    return [stack.enter_context(each) for each in contenders]


def _upload(server: Server, content: Content, digest: str) -> _Upload:
    gigabytes = content.size / 10**9
    memory.touch(server.folder, content.size)
    with Exchange(server.port) as exchange:
        before, began = server.cpu_seconds(), time.perf_counter()
        path = _send(server, exchange, content)
        wall = time.perf_counter() - began
        after = server.cpu_seconds()
        hashing = 0.0
        if server.name == _OURS:
            if receivers.sha256(exchange, path) != digest:
                raise BadAnswer("another SHA-256 than that of what was sent")
            hashing = server.cpu_seconds() - after
    _check_and_remove(server.folder, content, digest)
    return _Upload(cpu=(after - before) / gigabytes, hashing=hashing / gigabytes, wall=wall)


def _fill(server: Server, content: Content, digest: str) -> _Memory:
    """Upload once more, and look at the memory meanwhile."""
    seen = [server.memory()]
    with Exchange(server.port) as exchange, ThreadPoolExecutor(1) as client:
        sending = client.submit(_send, server, exchange, content)
        while not sending.done():
            seen.append(server.memory())
            time.sleep(_LOOK_EVERY_SECONDS)
        sending.result()
    _check_and_remove(server.folder, content, digest)
    half = len(seen) // 2
    return _Memory(most=max(seen), growth=max(seen[half:]) - max(seen[:half]))


def _send(server: Server, exchange: Exchange, content: Content) -> str:
    if server.name in (_COPYPARTY, _UNHASHED):
        return receivers.put(exchange, content)
    path = receivers.create(exchange, content)
    receivers.patch(exchange, path, content)
    return path


def _check_and_remove(folder: Path, content: Content, digest: str) -> None:
    files = (path for path in folder.rglob("*") if path.is_file())
    [stored] = [path for path in files if path.stat().st_size == content.size]
    with stored.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise BadAnswer(f"other bytes than the {content.size} that were sent")
    stored.unlink()


def _table(
    content: Content,
    large: Content,
    uploads: Mapping[str, list[_Upload]],
    filled: Mapping[str, _Memory],
) -> Table:
    cpu = {name: middle(each, lambda one: one.cpu) for name, each in uploads.items()}
    hashing = {name: middle(each, lambda one: one.hashing) for name, each in uploads.items()}
    if _COPYPARTY in cpu:
        hashing[_COPYPARTY] = max(0.0, cpu[_COPYPARTY] - cpu[_UNHASHED])
    columns = (
        *("contender", "CPU s/GB", "hashing", "ours to it, hashing apart", "wall, s"),
        f"memory in {large.size / 10**9:.0f} GB: most, MB (PSS)",
        "its growth, MB",
    )
    received = {name: cpu[name] - (name == _COPYPARTY) * hashing[name] for name in cpu}
    rows = [
        (
            name,
            f"{cpu[name]:.2f}",
            f"{hashing[name]:.2f}" if hashing[name] else "",
            f"{received[_OURS] / received[name]:.2f}",
            f"{middle(each, lambda one: one.wall):.2f}",
            f"{filled[name].most / 10**6:.0f}",
            f"{filled[name].growth / 10**6:.1f}",
        )
        for name, each in uploads.items()
    ]
    return Table(
        title=f"A resumable upload of {content.size / 10**6:.0f} MB in one request",
        columns=columns,
        rows=rows,
        goals=_goals(cpu, hashing, filled[_OURS]),
        notes=peers.missing((receivers.TUS_SERVER, receivers.COPYPARTY)),
    )


def _goals(cpu: Mapping[str, float], hashing: Mapping[str, float], ours: _Memory) -> list[Goal]:
    goals = []
    if _NODE in cpu:
        goals.append(at_most("CPU to the Node tus server", cpu[_OURS] / cpu[_NODE], 0.8))
    if _COPYPARTY in cpu:
        both = (cpu[_OURS] + hashing[_OURS]) / cpu[_COPYPARTY]
        goals += [
            at_most("CPU to copyparty, both without hashing", cpu[_OURS] / cpu[_UNHASHED], 0.8),
            at_most("the same, both with hashing", both, 0.8),
        ]
    return [
        *goals,
        at_most("memory, the most", ours.most / 10**6, 100, unit=" MB"),
        at_most("its growth in the second half", ours.growth / 10**6, 5, unit=" MB"),
    ]
