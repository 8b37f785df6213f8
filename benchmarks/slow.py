"""
Slow clients: how long others wait beside hundreds of them, and what they cost.

The crowd sends and takes a kilobyte a second on each connection, and asks for previews of
pictures whose host takes the connection and never answers. Meanwhile somebody asks, on a
new connection each time, for `/healthz` and for a preview that is there.
"""

import io
import json
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from PIL import Image

from benchmarks import front, servers
from benchmarks.crowd import Besieged, Crowd, ask, percentile
from benchmarks.plan import Plan
from benchmarks.tables import Goal, Table, at_most
from benchmarks.wire import Content, send_form

_ALONE, _BEHIND = "without a proxy", "behind the shipped nginx"
_GOALS = {_ALONE: 300, _BEHIND: 100}
_DOWNLOAD = 3_000_000
_AS_PLANNED = ("upload 200", "download complete", "preview 504")


@dataclass(frozen=True)
class _Result:
    name: str
    healthz: Sequence[float]
    preview: Sequence[float]
    """Seconds, of each answer."""
    failed: int
    memory: int
    """Bytes (PSS), of all processes."""


def measure(plan: Plan) -> Table:
    """Besiege the service, then the service behind nginx; without nginx only the first."""
    results = [_besiege(plan, _ALONE)]
    notes = []
    if front.is_installed():
        results.append(_besiege(plan, _BEHIND))
    else:
        notes.append(f"`{front.PROGRAM}` is not installed.")
    return _table(plan, results, notes)


def _besiege(plan: Plan, name: str) -> _Result:
    plan.say(f"  {name}")
    slow, waiting, seconds = plan.pick(100, 500), plan.pick(20, 100), plan.pick(4, 15)
    with ExitStack() as stack:
        dead = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        source = f"127.0.0.1:{dead.getsockname()[1]}"
        behind = name == _BEHIND
        place = plan.place(name.replace(" ", "-"))
        service = servers.uploadsvc(
            place / "service",
            fetch_allow=source,
            trusted_proxies="127.0.0.1" if behind else "",
            send_files="x-accel-redirect" if behind else "python",
        )
        parts = [stack.enter_context(service)]
        if behind:
            (place / "nginx").mkdir()
            parts.append(stack.enter_context(front.nginx(place / "nginx", parts[0])))
        port = parts[-1].port
        preview = _preview(port)
        target = Besieged(
            port, _path(_upload(port, b"\x01" * _DOWNLOAD)), _DOWNLOAD, f"http://{source}"
        )
        crowd = Crowd(target, uploads=slow, downloads=slow, previews=waiting, seconds=4 * seconds)
        with crowd:
            healthz = ask(port, "/healthz", seconds=seconds / 2)
            previews = ask(port, preview, seconds=seconds / 2)
            memory = sum(part.memory() for part in parts)
    failed = sum(count for outcome, count in crowd.outcomes.items() if outcome not in _AS_PLANNED)
    return _Result(name, healthz, previews, failed, memory)


def _preview(port: int) -> str:
    """Return the path of a preview that is there."""
    picture = io.BytesIO()
    Image.effect_noise((640, 480), 50).save(picture, "JPEG")
    path = f"/getpreview?x=320&y=240&addr={quote(_upload(port, picture.getvalue()), safe='')}"
    ask(port, path, seconds=0)
    return path


def _upload(port: int, data: bytes) -> str:
    link: str = json.loads(send_form(port, Content(len(data), data)).body)["link"]
    return link


def _path(link: str) -> str:
    return urlsplit(link).path


def _table(plan: Plan, results: Sequence[_Result], notes: Sequence[str]) -> Table:
    slow, waiting = plan.pick(100, 500), plan.pick(20, 100)
    return Table(
        title=f"{slow} slow uploads, {slow} slow downloads, {waiting} previews of a dead source",
        columns=(
            "",
            "`/healthz`: median, p99, ms",
            "cached preview: median, p99, ms",
            "failed",
            "memory in all, MB (PSS)",
        ),
        rows=[
            (
                result.name,
                _milliseconds(result.healthz),
                _milliseconds(result.preview),
                str(result.failed),
                f"{result.memory / 1e6:.0f}",
            )
            for result in results
        ],
        goals=[goal for result in results for goal in _goals(result)],
        notes=notes,
    )


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{percentile(seconds, 50) * 1000:.1f}, {percentile(seconds, 99) * 1000:.1f}"


def _goals(result: _Result) -> list[Goal]:
    longest = max(percentile(result.healthz, 99), percentile(result.preview, 99)) * 1000
    return [
        at_most(f"p99 {result.name}", longest, _GOALS[result.name], unit=" ms"),
        at_most(f"failed {result.name}", result.failed, 0, unit=""),
        at_most(f"memory {result.name}", result.memory / 1e6, 200, unit=" MB"),
    ]
