"""
Results as Markdown: a table of what was measured, and below it the goals.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TIMES = " \N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Goal:
    what: str
    goal: str
    measured: str
    reached: bool


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()
    """Sentences below the table: what was left out, what belongs to the numbers."""

    def __str__(self) -> str:
        parts = [f"**{self.title}**"]
        if self.rows:
            parts.append(_markdown(self.columns, self.rows))
        if self.goals:
            parts.append(_markdown(("goal", "", "measured", "reached"), map(_row, self.goals)))
        parts.extend(self.notes)
        return "\n\n".join(parts) + "\n"


def at_most(what: str, value: float, limit: float, *, unit: str = TIMES, digits: int = 3) -> Goal:
    """Return a goal for a value, a ratio unless it has a unit: reached up to the limit."""
    measured = f"{_short(value, digits)}{unit}"
    return Goal(what, f"at most {limit:g}{unit}", measured, value <= limit)


def at_least(what: str, value: float, limit: float, *, unit: str = TIMES, digits: int = 3) -> Goal:
    """Return a goal for a value, a ratio unless it has a unit: reached from the limit on."""
    measured = f"{_short(value, digits)}{unit}"
    return Goal(what, f"at least {limit:g}{unit}", measured, value >= limit)


def _row(goal: Goal) -> tuple[str, ...]:
    return goal.what, goal.goal, goal.measured, "yes" if goal.reached else "**no**"


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _short(value: float, digits: int) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.{digits}g}"
