"""
The peers: what would be used instead, installed into a folder of its own, never into ours.

Those of Python lie in a virtual environment, those of Node below it. A peer that cannot be
had is no error: whoever compares asks `has`, and names what is missing.
"""

import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks.plan import PROJECT

_FOLDER = PROJECT / "benchmarks" / ".peers"
_PINNED = PROJECT / "benchmarks" / "peers.txt"
_PINNED_NPM = PROJECT / "benchmarks" / "peers-npm.txt"
_SHARED = ("gunicorn", "multipart", "webob")
"""What the service stands on too: compared in the very version that it uses."""

PYTHON = _FOLDER / "bin" / "python"
NODE = "node"
NODE_MODULES = _FOLDER / "node" / "node_modules"
"""`NODE_PATH` of whoever uses a package of Node's."""


def command(name: str) -> Path:
    """Return the command of that name that a peer has brought."""
    return _FOLDER / "bin" / name


def pinned() -> dict[str, str]:
    """Return the versions of the peers by their names, in lower case."""
    both = [*_PINNED.read_text().split(), *_PINNED_NPM.read_text().split()]
    # The name of a package of Node's may begin with an @ too.
    return dict(re.split("==|(?<=.)@", line.lower()) for line in both)


def has(package: str) -> bool:
    """Whether that peer, of Python or of Node, is installed."""
    metadata = f"lib/python*/site-packages/{package.replace('-', '_')}-*.dist-info"
    return any(_FOLDER.glob(metadata)) or (NODE_MODULES / package).exists()


def missing(packages: Iterable[str]) -> list[str]:
    """Return a sentence for each of these peers that is not there."""
    return [f"{each} could not be installed here." for each in packages if not has(each)]


def install(say: Callable[[str], None]) -> None:
    """Install the peers, once; anew when the list of them has changed, or some are missing."""
    shared = "".join(f"{package}=={version(package)}\n" for package in _SHARED)
    wanted = _PINNED.read_text() + shared
    installed = _FOLDER / "installed.txt"
    if not _is(installed, wanted):
        say("  installing the peers, once")
        venv.create(_FOLDER, with_pip=True, clear=True)
        if _install_python(wanted.split()):
            installed.write_text(wanted)
    wanted = _PINNED_NPM.read_text()
    installed = _FOLDER / "installed-npm.txt"
    if not _is(installed, wanted) and shutil.which("npm"):
        say("  installing the peers of Node, once")
        if _install_node(wanted.split()):
            installed.write_text(wanted)


def _is(installed: Path, wanted: str) -> bool:
    return installed.exists() and installed.read_text() == wanted


def _install_python(packages: list[str]) -> bool:
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    if not subprocess.run([*pip, *packages]).returncode:
        return True
    # One that this machine cannot have must not keep the others away.
    results = [subprocess.run([*pip, "--no-deps", each]).returncode for each in packages]
    return not any(results)


def _install_node(packages: list[str]) -> bool:
    folder = NODE_MODULES.parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    options = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    # Without a prefix, npm would look for a package.json in the folders above.
    npm = ["npm", "install", "--loglevel=error", "--prefix", str(folder), *options, *packages]
    return not subprocess.run(npm, cwd=folder, stdout=sys.stderr).returncode
