"""
One after the other, again and again: what disturbs the machine disturbs all contenders alike.
"""

from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import TypeVar

Result = TypeVar("Result")


def interleaved(
    contenders: Mapping[str, Callable[[], Result]], *, rounds: int, say: Callable[[str], None]
) -> dict[str, list[Result]]:
    """Do what each contender does, in turn, for so many rounds; return the results by name."""
    results: dict[str, list[Result]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, work in contenders.items():
            say(f"  round {number} of {rounds}: {name}")
            results[name].append(work())
    return results


def middle(results: Iterable[Result], value: Callable[[Result], float]) -> float:
    """Return the median of one value of all results."""
    return median(map(value, results))
