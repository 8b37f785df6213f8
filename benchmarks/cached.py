"""
A preview that is there already: answers for each CPU second of the server.

Four connections that are kept alive ask for the same preview again and again. The limit is the
service's own server, which answers constant bytes instead of calling the application.
"""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import peers, previewers, servers
from benchmarks.pictures import photograph
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Command, Server
from benchmarks.tables import Goal, Table, at_least
from benchmarks.wire import BadAnswer, Content, KeptAlive, send_form

_CONNECTIONS = 4

_REMOTE = "uploadsvc serve, of a remote picture"
_STORED = "uploadsvc serve, of a stored picture"
_SAME = "constant bytes, the service's own server"
_PLAIN = "constant bytes, gunicorn with threads and a log"
_THUMBOR = "thumbor, results stored"
_COPYPARTY = "copyparty"


@dataclass(frozen=True)
class _Contender:
    server: Server
    path: str
    length: int
    """Bytes of the answer."""


@dataclass(frozen=True)
class _Served:
    each_cpu_second: float
    each_second: float


def measure(plan: Plan) -> Table:
    """Ask each contender, in turn, for a preview that it has already."""
    peers.install(plan.say)
    picture = photograph(plan)
    answers = plan.pick(1000, 4000)
    with ExitStack() as stack:
        contenders = _contenders(stack, plan, picture)
        work = {
            name: partial(_ask, contender, answers // _CONNECTIONS)
            for name, contender in contenders.items()
        }
        results = interleaved(work, rounds=plan.pick(5, 9), say=plan.say)
    return _table(contenders, results)


def _contenders(stack: ExitStack, plan: Plan, picture: bytes) -> dict[str, _Contender]:
    source = stack.enter_context(previewers.source(plan.place("source"), picture))
    address = f"http://127.0.0.1:{source.port}/photograph.jpg"
    ours = stack.enter_context(
        servers.uploadsvc(plan.place("ours"), fetch_allow=f"127.0.0.1:{source.port}")
    )
    link = json.loads(send_form(ours.port, Content(len(picture), picture)).body)["link"]
    thumbor = stack.enter_context(previewers.thumbor(plan.place("thumbor"), keep_results=True))
    copyparty = stack.enter_context(previewers.copyparty(plan.place("copyparty"), picture))
    remote = _contender(ours, previewers.our_path(address))
    same = stack.enter_context(_same(plan.place("same"), remote.length))
    plain = stack.enter_context(_plain(plan.place("plain"), remote.length))
    return {
        _REMOTE: remote,
        _STORED: _contender(ours, previewers.our_path(link)),
        _SAME: _contender(same, previewers.our_path(address)),
        _PLAIN: _contender(plain, previewers.our_path(address)),
        _THUMBOR: _contender(thumbor, previewers.thumbor_path(address)),
        _COPYPARTY: _contender(copyparty, previewers.copyparty_path()),
    }


def _contender(server: Server, path: str) -> _Contender:
    # Asked for twice: the preview is made, and then it is found.
    with KeptAlive(server.port, path) as connection:
        connection.ask()
        return _Contender(server, path, len(connection.ask()))


def _ask(contender: _Contender, times: int) -> _Served:
    before = contender.server.cpu_seconds()
    began = time.perf_counter()
    with ThreadPoolExecutor(_CONNECTIONS) as clients:
        for client in [clients.submit(_client, contender, times) for _ in range(_CONNECTIONS)]:
            client.result()
    took = time.perf_counter() - began
    cpu = contender.server.cpu_seconds() - before
    answers = _CONNECTIONS * times
    return _Served(each_cpu_second=answers / cpu, each_second=answers / took)


def _client(contender: _Contender, times: int) -> None:
    with KeptAlive(contender.server.port, contender.path) as connection:
        for _ in range(times):
            body = connection.ask()
            if len(body) != contender.length or not body.startswith(b"\xff\xd8"):
                raise BadAnswer(f"{contender.server.name} answered something else than its JPEG")


@contextmanager
def _same(folder: Path, length: int) -> Iterator[Server]:
    command: Command = [previewers.PYTHON, "-m", "benchmarks.apps.constant"]
    environ = {"LENGTH": str(length)}
    with servers.uploadsvc(folder, name=_SAME, command=command, environ=environ) as server:
        yield server


@contextmanager
def _plain(folder: Path, length: int) -> Iterator[Server]:
    with servers.gunicorn(
        _PLAIN,
        "benchmarks.apps.constant:app",
        python=previewers.PYTHON,
        folder=folder,
        options=("--keep-alive", "5", "--access-logfile", "-"),
        environ={"LENGTH": str(length)},
    ) as server:
        yield server


def _table(contenders: Mapping[str, _Contender], results: Mapping[str, list[_Served]]) -> Table:
    rate = {name: middle(each, lambda one: one.each_cpu_second) for name, each in results.items()}
    rows = [
        (
            name,
            f"{rate[name]:.0f}",
            f"{middle(each, lambda one: one.each_second):.0f}",
            str(contenders[name].length),
        )
        for name, each in results.items()
    ]
    return Table(
        title="A preview found in the cache",
        columns=("contender", "answers a CPU second", "answers a second", "bytes of an answer"),
        rows=rows,
        goals=_goals(rate),
    )


def _goals(rate: Mapping[str, float]) -> list[Goal]:
    ours = min(rate[_REMOTE], rate[_STORED])
    return [
        at_least("to constant bytes, the service's own server", ours / rate[_SAME], 0.5),
        at_least("to thumbor", ours / rate[_THUMBOR], 2),
        at_least("to copyparty", ours / rate[_COPYPARTY], 2),
    ]
