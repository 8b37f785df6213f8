"""
One picture, one preview: CPU of the service's engine beside other ones, without a server.

Each row is a picture and a box; all contenders draw it in turn. The limit of a JPEG is a bare
decode at an eighth of its size, from memory, which shrinks and writes nothing. The last row is
a second size of a picture, drawn from the preview of the first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks import drawers, peers, pictures
from benchmarks.drawers import OURS, PILLOW, PYVIPS, SHARP, Drawer, Job
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved, middle
from benchmarks.tables import Goal, Table, at_most

_LIMIT = "bare decode at 1/8"
_BEST = "the best peer"
_EARLIER = "the first"
_SMALL, _FIRST = (320, 240), (1024, 768)
_COLUMNS = (OURS.name, SHARP.name, PYVIPS.name, PILLOW.name, _LIMIT)

_SETTINGS = (
    f"All read the picture from its file and write a JPEG of quality {drawers.QUALITY['jpeg']} to "
    "memory, with one thread and no cache; everything else is as each of them comes. The bare "
    "decode reads from memory, and shrinks and writes nothing."
)

_Seconds = dict[str, float]
"""CPU of one preview, by contender; without those that failed or are not there."""


class NotDrawn(Exception):
    """The service's own engine failed, so there is nothing to compare."""


@dataclass(frozen=True)
class _Case:
    picture: Path
    box: tuple[int, int]
    goals: Mapping[str, float] = field(default_factory=dict)
    """What our CPU may be at most, as a multiple of that contender's."""

    contenders: Sequence[Drawer] = drawers.ALL
    name: str = ""
    """Empty: told by the picture."""

    def __str__(self) -> str:
        with Image.open(self.picture) as image:
            size = f"{image.width * image.height / 10**6:.0f} MP"
            kind = "progressive JPEG" if "progression" in image.info else image.format
        return f"{self.name or f'{kind}, {size}'} \N{RIGHTWARDS ARROW} {self.box[0]}"

    def measure(self, plan: Plan) -> _Seconds:
        """Draw it with all contenders that are there, in turn; return the medians."""
        plan.say(f"  {self}")
        job = Job([self.picture], *self.box, times=plan.pick(3, 8))
        work: dict[str, Callable[[], float | None]] = {
            each.name: partial(_cpu, each, job) for each in self.contenders if each.is_there()
        }
        if _LIMIT in self.goals:
            work[_LIMIT] = lambda: drawers.decode(self.picture, 2 * job.times)[0]
        results = interleaved(work, rounds=plan.pick(3, 5), say=lambda _: None)
        drawn = {name: [one for one in each if one is not None] for name, each in results.items()}
        if not drawn[OURS.name]:
            raise NotDrawn(str(self))
        return {name: middle(each, float) for name, each in drawn.items() if each}


def measure(plan: Plan) -> Table:
    """Draw all pictures with all engines that are there."""
    peers.install(plan.say)
    cases = _cases(plan)
    first = next(case for case in cases if case.box == _FIRST)
    cases.append(_second(plan, first))
    results = [_with_best(case.measure(plan)) for case in cases]
    results[-1][_EARLIER] = results[cases.index(first)][OURS.name]
    both = list(zip(cases, results, strict=True))
    return Table(
        title="A preview of one picture, drawn in one process with one thread",
        columns=("picture and width", "MB", *(f"{name}, ms" for name in _COLUMNS)),
        rows=[_row(case, seconds) for case, seconds in both],
        goals=[goal for case, seconds in both for goal in _goals(case, seconds)],
        notes=[_SETTINGS, *drawers.missing()],
    )


def _cases(plan: Plan) -> list[_Case]:
    plan.say("  making the pictures")
    folder = plan.place("pictures")

    def keep(name: str, data: bytes) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    baseline = keep("baseline.jpeg", pictures.photograph(plan))
    progressive = keep("progressive.jpeg", pictures.progressive(plan))
    as_sharp = {SHARP.name: 1.0}
    return [
        _Case(baseline, _SMALL, {_LIMIT: 1.15, _BEST: 1}),
        _Case(progressive, _SMALL, {_BEST: 0.3}),
        _Case(baseline, _FIRST, as_sharp),
        _Case(keep("large.jpeg", pictures.large(plan)), _FIRST, as_sharp),
        _Case(keep("screen.png", pictures.screen(plan)), _SMALL, as_sharp),
        _Case(keep("photograph.png", pictures.png(plan)), _SMALL, as_sharp),
        _Case(keep("photograph.webp", pictures.webp(plan)), _SMALL, as_sharp),
    ]


def _second(plan: Plan, first: _Case) -> _Case:
    """Return the case of a smaller preview, drawn from the one that the first left."""
    made = plan.place("first")
    OURS.draw(Job([first.picture], *first.box, into=made))
    [preview] = made.iterdir()
    return _Case(preview, _SMALL, {_EARLIER: 0.2}, [OURS], name="a second size of the 12 MP JPEG")


def _cpu(drawer: Drawer, job: Job) -> float | None:
    return drawer.draw(job).cpu.get(job.pictures[0].name)


def _with_best(seconds: _Seconds) -> _Seconds:
    others = [seconds[each.name] for each in (SHARP, PYVIPS, PILLOW) if each.name in seconds]
    return seconds | ({_BEST: min(others)} if others else {})


def _row(case: _Case, seconds: _Seconds) -> Sequence[str]:
    return (
        str(case),
        f"{case.picture.stat().st_size / 10**6:.1f}",
        *(_cell(case, seconds, name) for name in _COLUMNS),
    )


def _cell(case: _Case, seconds: _Seconds, name: str) -> str:
    if name in seconds:
        return f"{seconds[name] * 1000:.1f}"
    asked = any(each.name == name and each.is_there() for each in case.contenders)
    return "failed" if asked else ""


def _goals(case: _Case, seconds: _Seconds) -> list[Goal]:
    ours = seconds[OURS.name]
    return [
        at_most(f"{case}: CPU to {other}", ours / seconds[other], limit)
        for other, limit in case.goals.items()
        if other in seconds
    ]
