"""
How true the previews are: those of the engine and of its peers, compared with perfect ones.

All draw the corpus of pictures into a box of 320x240, as PNG, so that nothing is lost to a
format. What comes as shipped is compared with pictures that were resized as their samples are,
which is what all of them do; what is resized in linear light with such that were too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path
from statistics import mean, median

from benchmarks import drawers, peers, scoring
from benchmarks.drawers import OURS, PILLOW, PYVIPS, SHARP, Drawer, Drawn, Job
from benchmarks.plan import Plan
from benchmarks.rounds import interleaved
from benchmarks.scoring import BOX, LINEAR, SRGB, Score
from benchmarks.tables import Goal, Table, at_least, at_most

_TITLE = "Fidelity: the corpus of pictures, 320x240, lossless output"


@dataclass(frozen=True)
class _Contender:
    drawer: Drawer
    light: str

    def __str__(self) -> str:
        return self.drawer.name + (", linear light" if self.light == LINEAR else "")


_OURS, _OURS_LINEAR = _Contender(OURS, SRGB), _Contender(OURS, LINEAR)
_BEST_LINEAR = _Contender(PYVIPS, LINEAR)
_CONTENDERS = (
    _OURS,
    *(_Contender(each, SRGB) for each in (SHARP, PYVIPS, PILLOW)),
    _OURS_LINEAR,
    _BEST_LINEAR,
    _Contender(SHARP, LINEAR),
)


@dataclass(frozen=True)
class _Result:
    scores: Mapping[str, Score]
    cpu: Mapping[str, float]
    """Seconds, by the name of the picture."""

    @property
    def compared(self) -> set[str]:
        """The names of the files that were drawn and have something to be compared with."""
        return {name for name, score in self.scores.items() if score.ssim is not None}

    def mean(self, what: str) -> float:
        values = [getattr(self.scores[name], what) for name in self.compared]
        return mean(values) if values else nan

    def count(self, *verdicts: str) -> int:
        return sum(score.verdict in verdicts for score in self.scores.values())

    def seconds(self, names: Iterable[str]) -> float:
        return sum(self.cpu[name] for name in names)


def measure(plan: Plan) -> Table:
    """Draw the corpus with all that are there, in turn, and score what came of it."""
    peers.install(plan.say)
    if lacking := scoring.lacking():
        return Table(title=_TITLE, columns=(), rows=(), notes=lacking)
    there = [each for each in _CONTENDERS if each.drawer.is_there()]
    folders = {each: plan.place(str(each)) for each in there}
    work = {str(each): partial(_draw, each, folders[each]) for each in there}
    drawn = interleaved(work, rounds=plan.pick(1, 3), say=plan.say)
    results = {}
    for each in there:
        plan.say(f"  scores of {each}")
        scores = scoring.score(folders[each], each.light, references=plan.folder / "references")
        results[each] = _Result(scores, _medians(drawn[str(each)]))
    return _table(results)


def _draw(contender: _Contender, into: Path) -> Drawn:
    linear = contender.light == LINEAR
    return contender.drawer.draw(
        Job(scoring.corpus(), *BOX, format="png", linear=linear, into=into)
    )


def _medians(drawn: Sequence[Drawn]) -> dict[str, float]:
    return {name: median(each.cpu[name] for each in drawn) for name in drawn[0].cpu}


def _table(results: Mapping[_Contender, _Result]) -> Table:
    shared = {
        light: set.intersection(
            *(result.compared for each, result in results.items() if each.light == light)
        )
        for light in (SRGB, LINEAR)
    }
    return Table(
        title=_TITLE,
        columns=(
            "contender",
            "files compared",
            "missing",
            "turned, transparency lost, wrong size",
            "mean SSIM",
            "PSNR, dB",
            "\N{GREEK CAPITAL LETTER DELTA}E00",
            "CPU of all compared, s",
            "CPU of what all draw, s",
        ),
        rows=[
            (
                str(each),
                str(len(result.compared)),
                str(result.count("missing")),
                str(result.count("turned", "alpha-lost", "wrong-size", "unreadable")),
                f"{result.mean('ssim'):.4f}",
                f"{result.mean('psnr'):.2f}",
                f"{result.mean('de00'):.3f}",
                f"{result.seconds(result.compared):.2f}",
                f"{result.seconds(shared[each.light]):.2f} ({len(shared[each.light])})",
            )
            for each, result in results.items()
        ],
        goals=_goals(results),
        notes=drawers.missing(),
    )


def _goals(results: Mapping[_Contender, _Result]) -> list[Goal]:
    ours, linear = results[_OURS], results[_OURS_LINEAR]
    goals = [
        at_least("SSIM", ours.mean("ssim"), 0.9980, unit="", digits=4),
        at_least("PSNR", ours.mean("psnr"), 49.0, unit=" dB"),
        at_least("linear light: SSIM", linear.mean("ssim"), 0.9961, unit="", digits=4),
        at_least("linear light: PSNR", linear.mean("psnr"), 48.6, unit=" dB"),
        at_most("linear light: mean difference of colours", linear.mean("de00"), 0.39, unit=""),
    ]
    if peer := results.get(_BEST_LINEAR):
        both = linear.compared & peer.compared
        ratio = linear.seconds(both) / peer.seconds(both) if both else nan
        goals.append(at_most(f"linear light: CPU to {PYVIPS.name} of what both draw", ratio, 0.25))
    return goals
