"""
Those that make previews, each set up as its documentation says, and the source they fetch from.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from benchmarks import peers, servers
from benchmarks.servers import Command, Server

PYTHON = Path(sys.executable)
"""Ours: what stands on the same packages runs with the very same ones."""

BOX = (320, 240)


@contextmanager
def source(folder: Path, picture: bytes) -> Iterator[Server]:
    """Run the host that answers every path with the picture."""
    file = folder / "photograph.jpg"
    file.write_bytes(picture)
    port = servers.free_port()
    command: Command = [PYTHON, "-m", "benchmarks.apps.source", str(port), file]
    with servers.running("source", command, port=port, folder=folder) as server:
        yield server


@contextmanager
def old_scripts(folder: Path) -> Iterator[Server]:
    """Run a plain port of the old scripts under the gunicorn that the service uses."""
    application = "benchmarks.apps.old_scripts:app"
    with servers.gunicorn(
        "old scripts", application, python=PYTHON, folder=folder, environ={"PREVIEWS": str(folder)}
    ) as server:
        yield server


@contextmanager
def thumbor(folder: Path, *, keep_results: bool = False) -> Iterator[Server]:
    """Run thumbor, which fetches from loopback; it keeps its previews where it is asked to."""
    port = servers.free_port()
    settings: dict[str, object] = {
        "ALLOWED_SOURCES": [r"127\.0\.0\.1"],
        "FILE_STORAGE_ROOT_PATH": str(folder / "sources"),
    }
    if keep_results:
        settings |= {
            "RESULT_STORAGE": "thumbor.result_storages.file_storage",
            "RESULT_STORAGE_FILE_STORAGE_ROOT_PATH": str(folder / "results"),
            "RESULT_STORAGE_STORES_UNSAFE": True,
        }
    configuration = folder / "thumbor.conf"
    configuration.write_text("".join(f"{key} = {value!r}\n" for key, value in settings.items()))
    command: Command = [
        *(peers.command("thumbor"), "--ip", "127.0.0.1", "--port", str(port)),
        *("--conf", configuration),
    ]
    with servers.running("thumbor", command, port=port, folder=folder) as server:
        yield server


@contextmanager
def copyparty(folder: Path, picture: bytes) -> Iterator[Server]:
    """Run copyparty with the picture in its only folder."""
    shared = folder / "shared"
    shared.mkdir()
    (shared / "photograph.jpg").write_bytes(picture)
    port = servers.free_port()
    command: Command = [
        *(peers.PYTHON, "-m", "copyparty", "-i", "127.0.0.1", "-p", str(port), "--http-only"),
        *("-v", f"{shared}::r", "--th-size", "x".join(map(str, BOX))),
    ]
    with servers.running("copyparty", command, port=port, folder=folder) as server:
        yield server


def our_path(address: str) -> str:
    """Return the path of a preview, for the service and for the old scripts."""
    return f"/getpreview?x={BOX[0]}&y={BOX[1]}&addr={quote(address, safe='')}"


def thumbor_path(address: str) -> str:
    """Return the path of the same preview for thumbor."""
    return f"/unsafe/fit-in/{BOX[0]}x{BOX[1]}/{quote(address, safe='')}"


def copyparty_path() -> str:
    """Return the path of the preview of the picture that copyparty has."""
    return "/photograph.jpg?th=j"
