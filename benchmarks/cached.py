"""
A preview that is there already: answers for each CPU second of the server.

Four connections that are kept alive ask for the same preview again and again. The limit is the
service's own server, which answers constant bytes instead of calling the application.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import peers, previewers, servers
from benchmarks.pictures import photograph
from benchmarks.plan import Plan
from benchmarks.repeated import Repeated, Served
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import Command, Server
from benchmarks.tables import Goal, Table, at_least
from benchmarks.wire import Content, send_form

_REMOTE = "uploadsvc serve, of a remote picture"
_STORED = "uploadsvc serve, of a stored picture"
_SAME = "constant bytes, the service's own server"
_PLAIN = "constant bytes, gunicorn with threads and a log"
_THUMBOR = "thumbor, results stored"
_COPYPARTY = "copyparty"


def measure(plan: Plan) -> Table:
    """Ask each contender, in turn, for a preview that it has already."""
    peers.install(plan.say)
    picture = photograph(plan)
    answers = plan.pick(1000, 4000)
    with ExitStack() as stack:
        contenders = _contenders(stack, plan, picture)
        work = {name: partial(contender.ask, answers) for name, contender in contenders.items()}
        results = interleaved(work, rounds=plan.pick(5, 9), say=plan.say)
    return _table(contenders, results)


def _contenders(stack: ExitStack, plan: Plan, picture: bytes) -> dict[str, Repeated]:
    source = stack.enter_context(previewers.source(plan.place("source"), picture))
    address = f"http://127.0.0.1:{source.port}/photograph.jpg"
    ours = stack.enter_context(
        servers.uploadsvc(plan.place("ours"), fetch_allow=f"127.0.0.1:{source.port}")
    )
    link = json.loads(send_form(ours.port, Content(len(picture), picture)).body)["link"]
    thumbor = stack.enter_context(previewers.thumbor(plan.place("thumbor"), keep_results=True))
    shared = plan.place("shared")
    name = next(previewers.names(shared, picture))
    copyparty = stack.enter_context(previewers.copyparty(plan.place("copyparty"), shared))
    remote = Repeated.of(ours, previewers.our_path(address))
    same = stack.enter_context(_same(plan.place("same"), remote.length))
    plain = stack.enter_context(_plain(plan.place("plain"), remote.length))
    return {
        _REMOTE: remote,
        _STORED: Repeated.of(ours, previewers.our_path(link)),
        _SAME: Repeated.of(same, previewers.our_path(address)),
        _PLAIN: Repeated.of(plain, previewers.our_path(address)),
        _THUMBOR: Repeated.of(thumbor, previewers.thumbor_path(address)),
        _COPYPARTY: Repeated.of(copyparty, previewers.copyparty_path(name)),
    }


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


def _table(contenders: Mapping[str, Repeated], results: Mapping[str, list[Served]]) -> Table:
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
