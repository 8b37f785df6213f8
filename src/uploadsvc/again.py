"""
Answers that may be given again, without asking the application again.

An application that has answered a GET may leave in the environ what gives the same answer
anew: the server then calls that, when the same question comes again, in place of the whole
way through parser and application. Whoever leaves it promises that only the question's
target, `Host`, `Accept` and forwarded headers matter for its answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

KEY = "uploadsvc.again"
"""Where in the environ an `Again` is left."""


@dataclass(frozen=True)
class Answer:
    """A whole answer with status 200."""

    headers: Sequence[tuple[str, str]]
    body: bytes


Again = Callable[[], Answer | None]
"""Returns the answer as it would be now; None where the application must be asked."""
