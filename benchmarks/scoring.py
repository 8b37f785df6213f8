"""
How true previews are: the score tool and the corpus of pictures beside the project.

Both lie in `../shared`, or in the folder that TESTS_SHARED names, as for the tests, and are
only read. The tool compares each preview with the one that a perfect decoder would make.
"""

import csv
import json
import os
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks import peers
from benchmarks.plan import PROJECT
from benchmarks.servers import Command

_SHARED = Path(os.environ.get("TESTS_SHARED", PROJECT.parent / "shared"))
_TOOL = _SHARED / "tools/fidelity/score.py"
_CORPUS = _SHARED / "corpus/pictures"
_MANIFEST = "manifest.tsv"
BOX = (320, 240)

SRGB, LINEAR = "srgb", "linear"
"""References that are resized as the samples are, which nearly all do, or in linear light."""


@dataclass(frozen=True)
class Score:
    """Of one file of the corpus; the numbers only where there is something to compare."""

    verdict: str
    """`ok`, `missing`, `turned`, `alpha-lost`, or another one of the tool's."""

    ssim: float | None = None
    psnr: float | None = None
    """dB, at most 60."""

    de00: float | None = None
    """The mean difference of colours, CIEDE2000."""

    animation_ok: bool = False
    """What moves still does, and nothing else."""


def lacking() -> list[str]:
    """Return a sentence for what has to be there and is not."""
    needed = {"The score tool": _TOOL, "The corpus of pictures": _CORPUS / _MANIFEST}
    absent = [what for what, path in needed.items() if not path.exists()]
    beside = [f"{what} is not beside the project." for what in absent]
    return beside + peers.missing(("numpy", "pillow-heif"))


def corpus() -> list[Path]:
    """Return all files of the corpus, broken ones too."""
    return sorted(path for path in _CORPUS.iterdir() if path.name != _MANIFEST)


def wanted() -> list[str]:
    """Return the names of those that must have a preview: raster pictures, and whole."""
    with (_CORPUS / _MANIFEST).open(encoding="utf-8", newline="") as manifest:
        rows = csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["name"] for row in rows if row["expect"] == "thumb"]


def score(previews: Path, light: str, *, references: Path) -> dict[str, Score]:
    """
    Compare a folder of previews (`NAME.EXTENSION`) with the corpus; return scores by name.

    `references` is a folder that keeps what the previews are compared with.
    """
    answer = previews.with_name(f"{previews.name}-{light}.json")
    command: Command = [
        *(peers.PYTHON, "-B", _TOOL, "--thumbs", previews, "--sources", _CORPUS),
        *("--box", "x".join(map(str, BOX)), "--light", light, "--json", answer),
        *("--cache", references, "--jobs", str(os.cpu_count()), "--quiet"),
    ]
    subprocess.run(command, check=True)
    names = [each.name for each in fields(Score)]
    return {
        row["source"]: Score(**{name: row[name] for name in names if name in row})
        for row in json.loads(answer.read_text())["files"]
    }
