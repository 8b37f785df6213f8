"""
A picture at a size that it has, through nginx: from the cache's own files, without the service.

The limit is the same nginx, which serves a file of the same bytes from a folder. The service has
ended before anybody asks, so each answer is nginx's own.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks import front, previewers, servers
from benchmarks.pictures import photograph
from benchmarks.plan import Plan
from benchmarks.repeated import Repeated, Served
from benchmarks.rounds import interleaved, middle
from benchmarks.tables import Table, at_least
from benchmarks.wire import get

_TITLE = "A picture found in the cache, through nginx"
_OURS = "the shipped site, from the cache's files"
_PLAIN = "a static file of the same bytes"


def measure(plan: Plan) -> Table:
    """Ask both for the same bytes, in turn; without nginx there is only a note."""
    if not front.is_installed():
        return Table(_TITLE, (), (), notes=[f"`{front.PROGRAM}` is not installed."])
    with ExitStack() as stack:
        contenders = _contenders(stack, plan)
        times = plan.pick(20_000, 40_000)
        work = {name: partial(each.ask, times) for name, each in contenders.items()}
        results = interleaved(work, rounds=plan.pick(5, 7), say=plan.say)
    return _table(contenders, results)


def _contenders(stack: ExitStack, plan: Plan) -> dict[str, Repeated]:
    with servers.uploadsvc(
        plan.place("ours"),
        trusted_proxies="127.0.0.1",
        send_files="x-accel-redirect",
        **previewers.SIZED,
    ) as service:
        path = previewers.sized_path(service, photograph(plan))
        site = stack.enter_context(front.nginx(plan.place("site"), service))
        get(site.port, path)
    files = plan.place("files")
    shutil.copy(_cached(service.folder / "data/Sized"), files / "picture.jpeg")
    plain = stack.enter_context(front.plain(plan.place("plain"), files))
    return {_OURS: Repeated.of(site, path), _PLAIN: Repeated.of(plain, "/picture.jpeg")}


def _cached(folder: Path) -> Path:
    [preview] = folder.rglob("*.jpeg")
    return preview


def _table(contenders: Mapping[str, Repeated], results: Mapping[str, Sequence[Served]]) -> Table:
    rate = {name: middle(each, lambda one: one.each_cpu_second) for name, each in results.items()}
    return Table(
        title=_TITLE,
        columns=("contender", "answers a CPU second", "answers a second", "bytes of an answer"),
        rows=[
            (
                name,
                f"{rate[name]:.0f}",
                f"{middle(each, lambda one: one.each_second):.0f}",
                str(contenders[name].length),
            )
            for name, each in results.items()
        ],
        goals=[at_least("answers a CPU second, to a static file", rate[_OURS] / rate[_PLAIN], 0.8)],
    )
