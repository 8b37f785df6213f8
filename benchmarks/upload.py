"""
One large upload: CPU for each gigabyte, and the answer after the last byte.

All take the same form in pieces of 64 KiB and fsync the file. The bare copy from a socket to a
file parses nothing: it is the limit. The parsers run under the gunicorn that the service uses.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import peers, servers
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Command, Server
from benchmarks.tables import Goal, Table, at_most
from benchmarks.wire import BadAnswer, Content, Sent, send_form, send_plain

_OURS = "uploadsvc serve"
_RAW = "bare copy, socket to file"
_ALONE = "the file alone, written and fsynced"
_PARSERS = {
    "multipart": "with_multipart",
    "python-multipart": "with_python_multipart",
    "Werkzeug": "with_werkzeug",
    "WebOb": "with_webob",
}


@dataclass(frozen=True)
class _Upload:
    cpu: float
    """Seconds for each gigabyte."""

    wall: float
    waited: float
    """Seconds from the last byte to the answer; of the file alone, what fsync takes."""


def measure(plan: Plan) -> Table:
    """Upload to each contender in turn; 1 GB where it is a full run."""
    peers.install(plan.say)
    content = Content(plan.pick(200, 1000) * 10**6)
    digest = content.sha256()
    with ExitStack() as stack:
        contenders = [
            servers.uploadsvc(plan.place("ours"), name=_OURS, max_upload=content.size),
            _raw(plan.place("raw")),
            *(_parser(name, module, plan.place(module)) for name, module in _PARSERS.items()),
        ]
        work: dict[str, Callable[[], _Upload]] = {
            server.name: partial(_upload, server, content, digest)
            for server in map(stack.enter_context, contenders)
        }
        work[_ALONE] = partial(_write, plan.folder / "alone", content)
        results = interleaved(work, rounds=3, say=plan.say)
    return _table(content, results)


def _upload(server: Server, content: Content, digest: str) -> _Upload:
    send: Callable[[int, Content], Sent] = send_plain if server.name == _RAW else send_form
    before = server.cpu_seconds()
    sent = send(server.port, content)
    cpu = server.cpu_seconds() - before
    _check_and_remove(server.folder, content, digest)
    return _Upload(cpu=cpu / _gigabytes(content), wall=sent.seconds, waited=sent.waited)


def _write(place: Path, content: Content) -> _Upload:
    cpu, began = time.process_time(), time.perf_counter()
    with place.open("wb", buffering=0) as file:
        for piece in content:
            file.write(piece)
        written = time.perf_counter()
        os.fsync(file.fileno())
    ended = time.perf_counter()
    cpu = time.process_time() - cpu
    place.unlink()
    return _Upload(cpu=cpu / _gigabytes(content), wall=ended - began, waited=ended - written)


def _check_and_remove(folder: Path, content: Content, digest: str) -> None:
    [stored] = [path for path in folder.rglob("upload") if path.is_file()]
    with stored.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise BadAnswer(f"other bytes than the {content.size} that were sent")
    shutil.rmtree(stored.parent)


@contextmanager
def _raw(folder: Path) -> Iterator[Server]:
    port = servers.free_port()
    command: Command = [peers.PYTHON, "-m", "benchmarks.apps.raw_copy", str(port)]
    environ = {"UPLOADS": str(folder)}
    with servers.running(_RAW, command, port=port, folder=folder, environ=environ) as server:
        yield server


@contextmanager
def _parser(name: str, module: str, folder: Path) -> Iterator[Server]:
    with servers.gunicorn(
        name,
        f"benchmarks.apps.{module}:app",
        python=peers.PYTHON,
        folder=folder,
        environ={"UPLOADS": str(folder)},
    ) as server:
        yield server


def _gigabytes(content: Content) -> float:
    return content.size / 10**9


def _table(content: Content, results: Mapping[str, list[_Upload]]) -> Table:
    cpu = {name: middle(each, lambda one: one.cpu) for name, each in results.items()}
    waited = {name: middle(each, lambda one: one.waited) * 1000 for name, each in results.items()}
    best = min(cpu[name] for name in _PARSERS)
    rows = [
        (
            name,
            f"{cpu[name]:.2f}",
            f"{cpu[name] / best:.2f}",
            f"{middle(each, lambda one: one.wall):.2f}",
            f"{waited[name]:.0f}",
        )
        for name, each in results.items()
    ]
    columns = (
        *("contender", "CPU s/GB", "to the best parser", "wall, s"),
        "answer after the last byte, ms",
    )
    return Table(
        title=f"An upload of {content.size / 10**6:.0f} MB",
        columns=columns,
        rows=rows,
        goals=_goals(cpu, waited, best),
    )


def _goals(cpu: Mapping[str, float], waited: Mapping[str, float], best: float) -> list[Goal]:
    fsync = waited[_ALONE]
    return [
        at_most("CPU to the best parser", cpu[_OURS] / best, 1.1),
        at_most("the same, aimed at", cpu[_OURS] / best, 0.5),
        at_most("CPU to WebOb's parser", cpu[_OURS] / cpu["WebOb"], 0.25),
        at_most(
            "answer after the last byte: 50 ms and fsync", waited[_OURS], 50 + fsync, unit=" ms"
        ),
    ]
