"""
The peers: what would be used instead, installed into a folder of its own, never into ours.
"""

import subprocess
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks.plan import PROJECT

_FOLDER = PROJECT / "benchmarks" / ".peers"
_PINNED = PROJECT / "benchmarks" / "peers.txt"
_SHARED = ("gunicorn", "multipart", "webob")
"""What the service stands on too: compared in the very version that it uses."""

PYTHON = _FOLDER / "bin" / "python"


def command(name: str) -> Path:
    """Return the command of that name that a peer has brought."""
    return _FOLDER / "bin" / name


def pinned() -> dict[str, str]:
    """Return the versions of the peers by their names, in lower case."""
    return dict(line.split("==") for line in _PINNED.read_text().lower().split())


def install(say: Callable[[str], None]) -> None:
    """Install the peers, once; anew when the list of them has changed."""
    shared = "".join(f"{package}=={version(package)}\n" for package in _SHARED)
    wanted = _PINNED.read_text() + shared
    installed = _FOLDER / "installed.txt"
    if installed.exists() and installed.read_text() == wanted:
        return
    say("  installing the peers, once")
    venv.create(_FOLDER, with_pip=True, clear=True)
    requirements = _FOLDER / "wanted.txt"
    requirements.write_text(wanted)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    subprocess.run([*pip, "--requirement", str(requirements)], check=True)
    requirements.rename(installed)
