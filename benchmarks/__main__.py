"""
`python -m benchmarks [NAME...]`: runs the benchmarks, one after the other.

Progress goes to standard error, Markdown to standard output; a document that is named gets it too.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import (
    busy,
    cached,
    cleaner,
    cold,
    coverage,
    documents,
    durability,
    engines,
    fidelity,
    machine,
    preview,
    quality,
    slow,
    small,
    tus,
    upload,
    warm,
)
from benchmarks.plan import Plan, working_folder
from benchmarks.tables import Table

BENCHMARKS: dict[str, Callable[[Plan], Table]] = {
    "slow": slow.measure,
    "upload": upload.measure,
    "tus": tus.measure,
    "small": small.measure,
    "durability": durability.measure,
    "preview": preview.measure,
    "pictures": engines.measure,
    "fidelity": fidelity.measure,
    "coverage": coverage.measure,
    "quality": quality.measure,
    "cold": cold.measure,
    "warm": warm.measure,
    "busy": busy.measure,
    "cached": cached.measure,
    "cleaner": cleaner.measure,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks that are named, or all."""
    options = _parser().parse_args(arguments)
    # So that an end from outside ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for name, result in _results(options):
        print(result, flush=True)
        if options.into:
            documents.put(options.into, name, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures the service beside its peers."
    )
    names = ["all", *BENCHMARKS]
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        choices=names,
        default="all",
        help=f"one or more of {', '.join(BENCHMARKS)}; all without",
    )
    parser.add_argument("--full", action="store_true", help="the sizes of docs/performance.md")
    parser.add_argument("--picture", type=Path, help="a JPEG to make previews of")
    parser.add_argument("--into", type=Path, help="a document that gets the tables")
    return parser


def _results(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    yield "machine", machine.describe()
    chosen = BENCHMARKS if "all" in options.names else options.names
    for name in chosen:
        with working_folder() as folder:
            plan = Plan(folder=folder, full=options.full, picture=options.picture)
            plan.say(name)
            yield name, str(BENCHMARKS[name](plan))


if __name__ == "__main__":
    main()
