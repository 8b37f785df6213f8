"""
Never in the way: what others see while eight clients ask for new previews without end.

Each of the eight asks for the preview of another PNG of 12 megapixels as soon as it has its
answer. Meanwhile somebody uploads, one file after the other, and somebody asks for what is there,
on a new connection each time: a preview of a stored file, and a picture at a size, in turn.
"""

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from math import nan

from PIL import Image

from benchmarks import pictures, previewers, servers
from benchmarks.crowd import percentile
from benchmarks.plan import Plan
from benchmarks.servers import Server
from benchmarks.tables import Goal, Table, at_most
from benchmarks.wire import BadAnswer, Content, get, send_form

_CLIENTS = 8
_UPLOAD = Content(10**6)
_LATER = "503 with Retry-After"
_PAUSE_OF_WEIGHING = 0.5
_PAUSE = 0.01
"""Seconds between an answer and the next question of those who do not press."""


@dataclass
class _Kind:
    """What became of one kind of question."""

    seconds: list[float] = field(default_factory=list)
    """Of each good answer."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Of the others."""


class _Load:
    """All that goes on at once: `new` yields paths of what is not there, `found` of what is."""

    def __init__(self, service: Server, *, new: Iterator[str], found: Iterator[str]) -> None:
        self.new, self.found, self.uploads = _Kind(), _Kind(), _Kind()
        self.memory = 0
        """The most that the service ever had, in bytes (PSS)."""
        self._service = service
        self._new_paths = new
        self._found_paths = found
        self._over = threading.Event()
        self._lock = threading.Lock()

    def run(self, seconds: float) -> None:
        """Let all of it go on for so long, and wait for the last answers."""
        work = [*[self._ask_new] * _CLIENTS, self._ask_found, self._upload, self._weigh]
        with ThreadPoolExecutor(len(work)) as threads:
            running = [threads.submit(each) for each in work]
            time.sleep(seconds)
            self._over.set()
            for each in running:
                each.result()

    def _ask_new(self) -> None:
        while not self._over.is_set():
            with self._lock:
                path = next(self._new_paths)
            self._ask(self.new, path)

    def _ask_found(self) -> None:
        while not self._over.wait(_PAUSE):
            self._ask(self.found, next(self._found_paths))

    def _ask(self, kind: _Kind, path: str) -> None:
        try:
            answer = get(self._service.port, path)
        except (BadAnswer, OSError) as error:
            kind.outcomes[type(error).__name__] += 1
            return
        if answer.status == 200 and answer.body.startswith(b"\xff\xd8"):
            kind.seconds.append(answer.seconds)
        elif answer.status == 503 and b"retry-after:" in answer.headers:
            kind.outcomes[_LATER] += 1
        else:
            kind.outcomes[str(answer.status)] += 1

    def _upload(self) -> None:
        while not self._over.wait(_PAUSE):
            began = time.perf_counter()
            try:
                send_form(self._service.port, _UPLOAD)
            except (BadAnswer, OSError) as error:
                self.uploads.outcomes[type(error).__name__] += 1
            else:
                self.uploads.seconds.append(time.perf_counter() - began)

    def _weigh(self) -> None:
        while not self._over.wait(_PAUSE_OF_WEIGHING):
            self.memory = max(self.memory, self._service.memory())


def measure(plan: Plan) -> Table:
    """Let them all at the service, for some seconds."""
    png = pictures.png(plan)
    with servers.uploadsvc(plan.place("ours"), **previewers.SIZED) as service:
        new = map(previewers.our_path, previewers.stored(service, png))
        load = _Load(service, new=new, found=cycle(_found(service)))
        load.run(plan.pick(10, 60))
    return _table(load)


def _found(service: Server) -> list[str]:
    """Return the paths of a preview and of a picture at a size, both of which are there."""
    file = io.BytesIO()
    Image.effect_noise((640, 480), 50).save(file, "JPEG")
    picture = file.getvalue()
    link = next(previewers.stored(service, picture))
    paths = [previewers.our_path(link), previewers.sized_path(service, picture)]
    for path in paths:
        get(service.port, path)
    return paths


def _table(load: _Load) -> Table:
    kinds = {
        "new previews": load.new,
        "what is found in the cache": load.found,
        "uploads of 1 MB": load.uploads,
    }
    return Table(
        title=f"{_CLIENTS} clients that ask for new previews of PNGs of 12 megapixels without end",
        columns=("", "answered", "not answered", "median, ms", "p99, ms", "longest, ms"),
        rows=[
            (
                name,
                str(len(kind.seconds)),
                ", ".join(f"{many} ({what})" for what, many in kind.outcomes.items()) or "0",
                *(_milliseconds(kind.seconds, percent) for percent in (50, 99, 100)),
            )
            for name, kind in kinds.items()
        ],
        goals=_goals(load),
    )


def _milliseconds(seconds: Sequence[float], percent: float) -> str:
    return f"{percentile(seconds, percent) * 1000:.1f}" if seconds else ""


def _goals(load: _Load) -> list[Goal]:
    cached = percentile(load.found.seconds, 99) * 1000 if load.found.seconds else nan
    wrong = load.found.outcomes + load.uploads.outcomes
    refused = Counter({what: many for what, many in load.new.outcomes.items() if what != _LATER})
    return [
        at_most("p99 of what is found in the cache", cached, 100, unit=" ms"),
        at_most("failures of uploads and of what is found", wrong.total(), 0, unit=""),
        at_most("failures of new previews, but for 503", refused.total(), 0, unit=""),
        at_most("memory in all, the most (PSS)", load.memory / 10**6, 500, unit=" MB"),
    ]
