"""
Those that draw without a server: the service's engine and its peers, each in its own process.

All of them read each picture from its file and give the bytes of the preview. What counts is
CPU of the process and its children; its start and the first picture are left out.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import peers
from benchmarks.plan import PROJECT
from benchmarks.previewers import PYTHON
from benchmarks.servers import Command
from uploadsvc.images.recipe import Recipe

_DEFAULTS = Recipe()
QUALITY = {"jpeg": _DEFAULTS.jpeg_quality, "webp": _DEFAULTS.webp_quality, "png": None}
"""By format: the service's, and the same number for all."""


@dataclass(frozen=True)
class Job:
    pictures: Sequence[Path]
    width: int = 320
    height: int = 240
    times: int = 1
    """How often each picture is drawn, after the first time."""

    format: str = "jpeg"
    linear: bool = False
    """In linear light."""

    animated: bool = False
    """What moves goes on to move."""

    into: Path | None = None
    """A folder that gets `NAME.FORMAT` of each picture."""

    @property
    def told(self) -> str:
        """What the process is told, in JSON."""
        quality = {"quality": QUALITY[self.format]}
        return json.dumps(asdict(self) | quality, default=str)


@dataclass(frozen=True)
class Drawn:
    cpu: Mapping[str, float]
    """Seconds for one drawing of each picture, by its name."""

    failed: Mapping[str, str]
    """Why there is none, by name."""


@dataclass(frozen=True)
class Drawer:
    name: str
    command: Command
    package: str = ""
    """Of the peers; empty for what is there anyhow."""

    environ: Mapping[str, str] = field(default_factory=dict, hash=False)

    def is_there(self) -> bool:
        """Whether it can be run on this machine."""
        program = str(self.command[0])
        return shutil.which(program) is not None and (not self.package or peers.has(self.package))

    def draw(self, job: Job) -> Drawn:
        """Draw all pictures of a job."""
        said = subprocess.run(
            [*self.command, job.told],
            env=os.environ | self.environ,
            cwd=PROJECT,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        return Drawn(**json.loads(said))


OURS = Drawer("uploadsvc", (PYTHON, "-m", "benchmarks.apps.draw_ours"))
PILLOW = Drawer("Pillow", (PYTHON, "-m", "benchmarks.apps.draw_pillow"))
SHARP = Drawer(
    "sharp",
    (peers.NODE, "benchmarks/apps/with_sharp.cjs"),
    package="sharp",
    environ={"NODE_PATH": str(peers.NODE_MODULES)},
)
PYVIPS = Drawer(
    "pyvips",
    (peers.PYTHON, "-m", "benchmarks.apps.with_pyvips"),
    package="pyvips",
    environ={"VIPS_CONCURRENCY": "1"},
)
ALL = (OURS, SHARP, PYVIPS, PILLOW)


def missing() -> list[str]:
    """Return a sentence for each drawer that cannot be run here."""
    return [f"{each.name} could not be installed here." for each in ALL if not each.is_there()]


def decode(picture: Path, times: int) -> tuple[float, float]:
    """Return the CPU seconds and the seconds of a bare decode at an eighth: the limit."""
    command: Command = [PYTHON, "-m", "benchmarks.apps.bare_decode", picture, str(times)]
    said = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    cpu, wall = map(float, said.split())
    return cpu, wall
