"""
What each engine gets right: every raster picture of the corpus that is whole.

Right is upright, transparent where the picture is, and in colours that nobody would call others,
as a lossless PNG; and moving if the picture moves, as a WebP.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import drawers, peers, scoring
from benchmarks.drawers import OURS, Drawer, Job
from benchmarks.plan import Plan
from benchmarks.scoring import BOX, SRGB, Score
from benchmarks.tables import Table, at_least

_TITLE = "Coverage: the raster pictures of the corpus"
_OTHER_COLOURS = 2.0
"""The mean CIEDE2000 of a whole picture, from which on the score tool counts it."""


def measure(plan: Plan) -> Table:
    """Draw the corpus with each engine that is there, and say what is not right."""
    peers.install(plan.say)
    if lacking := scoring.lacking():
        return Table(title=_TITLE, columns=(), rows=(), notes=lacking)
    references = plan.folder / "references"
    wrong = {}
    for drawer in drawers.ALL:
        if drawer.is_there():
            plan.say(f"  {drawer.name}")
            wrong[drawer.name] = _wrong(drawer, plan.place(drawer.name), references)
    return _table(wrong, files=len(scoring.wanted()))


def _wrong(drawer: Drawer, folder: Path, references: Path) -> dict[str, list[str]]:
    """Return the names of the files that are not right, by what is wrong."""
    scores = {}
    for kind in ("png", "webp"):
        previews = folder / kind
        previews.mkdir()
        animated = kind == "webp"
        drawer.draw(Job(scoring.corpus(), *BOX, format=kind, animated=animated, into=previews))
        scores[kind] = scoring.score(previews, SRGB, references=references)
    wrong = defaultdict(list)
    for name in scoring.wanted():
        if judgement := _judge(scores["png"][name], scores["webp"][name]):
            wrong[judgement].append(name)
    return wrong


def _judge(still: Score, moving: Score) -> str:
    """Return what is wrong; empty if nothing is."""
    if still.verdict != "ok":
        return still.verdict
    if still.de00 is not None and still.de00 > _OTHER_COLOURS:
        return "other colours"
    return "" if moving.animation_ok else "not moving, or no WebP"


def _table(wrong: Mapping[str, Mapping[str, Sequence[str]]], *, files: int) -> Table:
    right = {name: files - sum(map(len, each.values())) for name, each in wrong.items()}
    return Table(
        title=_TITLE,
        columns=("engine", f"right, of {files}", "not right"),
        rows=[
            (
                name,
                str(right[name]),
                "; ".join(f"{what}: {', '.join(names)}" for what, names in each.items()),
            )
            for name, each in wrong.items()
        ],
        goals=[at_least("right", right[OURS.name], files, unit=f" of {files}")],
        notes=drawers.missing(),
    )
