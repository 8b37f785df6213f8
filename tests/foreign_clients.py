"""Clients of others for the tests, as their makers publish them, each a program of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parent
_NODE = _FOLDER / "node"
_PACKAGES = _NODE / "node_modules"


def need(package: str) -> None:
    """Skip, saying so, where that package of Node's is not installed."""
    if not (_PACKAGES / package).exists() or shutil.which("node") is None:
        pytest.skip(f"{package} is not installed (make test installs it where it may)")


def tus_js_client(**job: object) -> subprocess.Popen:
    """Begin to upload a file with tus-js-client: see node/upload.mjs."""
    return _start(["node", _NODE / "upload.mjs", json.dumps(job)])


def tuspy(**job: object) -> subprocess.Popen:
    """Begin to upload a file with tuspy: see tuspy_upload.py."""
    return _start([sys.executable, _FOLDER / "tuspy_upload.py", json.dumps(job)])


def address(process: subprocess.Popen, *, patience: float = 90) -> str:
    """Wait for the end of an upload and return its address; raise `OSError` if it failed."""
    try:
        told, complaints = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        complaints = f"not done after {patience} s: {process.communicate()[1]}"
    if process.returncode:
        raise OSError(complaints)
    return json.loads(told)["url"]


def bundle(script: str, target: Path) -> None:
    """Make one script for browsers of a module in node/ and the packages that it uses."""
    esbuild = ["node", _PACKAGES / "esbuild" / "bin" / "esbuild", _NODE / script]
    options = ["--bundle", "--format=iife", "--log-level=warning", f"--outfile={target}"]
    subprocess.run([*esbuild, *options], check=True, timeout=60)


def _start(command: list) -> subprocess.Popen:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
