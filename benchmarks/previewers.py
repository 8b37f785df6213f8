"""
Those that make previews, each set up as its documentation says, and where they find pictures.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from benchmarks import peers, servers
from benchmarks.servers import Command, Server
from benchmarks.wire import Content, send_form, send_plain

PYTHON = Path(sys.executable)
"""Ours: what stands on the same packages runs with the very same ones."""

BOX = (320, 240)
_SIZE = f"{BOX[0]}x{BOX[1]}"

SIZED: Mapping[str, Any] = {"image_uploads": True, "open_sizes": _SIZE}
"""Settings of the service with which anybody may save a picture and have it at that size."""


@contextmanager
def source(folder: Path, picture: bytes) -> Iterator[Server]:
    """Run the host that answers every path with the picture."""
    file = folder / "photograph.jpg"
    file.write_bytes(picture)
    port = servers.free_port()
    command: Command = [PYTHON, "-m", "benchmarks.apps.source", str(port), file]
    with servers.running("source", command, port=port, folder=folder) as server:
        yield server


def names(folder: Path, picture: bytes) -> Iterator[str]:
    """Put the picture into a folder; yield the name of another one of the same bytes each time."""
    (folder / "photograph.jpg").write_bytes(picture)
    for number in count():
        name = f"{number}.jpg"
        os.link(folder / "photograph.jpg", folder / name)
        yield name


def stored(service: Server, picture: bytes) -> Iterator[str]:
    """Upload the picture; yield the link of another stored file of the same bytes each time."""
    answer = json.loads(send_form(service.port, Content(len(picture), picture)).body)
    base, folder, name = answer["link"].rsplit("/", 2)
    storage = service.folder / "data/Storage"
    while True:
        another = token_hex(4)
        (storage / another).mkdir()
        os.link(storage / folder / name, storage / another / name)
        yield f"{base}/{another}/{name}"


@contextmanager
def old_scripts(folder: Path) -> Iterator[Server]:
    """Run a plain port of the old scripts under the gunicorn that the service uses."""
    application = "benchmarks.apps.old_scripts:app"
    with servers.gunicorn(
        "old scripts", application, python=PYTHON, folder=folder, environ={"PREVIEWS": str(folder)}
    ) as server:
        yield server


@contextmanager
def thumbor(
    folder: Path,
    *,
    shared: Path | None = None,
    keep_results: bool = False,
    processes: int = 1,
) -> Iterator[Server]:
    """
    Run thumbor, which keeps its previews where it is asked to.

    It fetches from loopback and keeps that too; with a folder that it shares, it reads there.
    """
    port = servers.free_port()
    settings: dict[str, object] = {
        "ALLOWED_SOURCES": [r"127\.0\.0\.1"],
        "FILE_STORAGE_ROOT_PATH": str(folder / "sources"),
    }
    if shared is not None:
        settings = {
            "LOADER": "thumbor.loaders.file_loader",
            "FILE_LOADER_ROOT_PATH": str(shared),
            "STORAGE": "thumbor.storages.no_storage",
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
        *("--conf", configuration, "--processes", str(processes)),
    ]
    with servers.running("thumbor", command, port=port, folder=folder) as server:
        yield server


@contextmanager
def copyparty(folder: Path, shared: Path) -> Iterator[Server]:
    """Run copyparty with that folder as its only one."""
    port = servers.free_port()
    command: Command = [
        *(peers.PYTHON, "-m", "copyparty", "-i", "127.0.0.1", "-p", str(port), "--http-only"),
        *("-v", f"{shared}::r", "--th-size", "x".join(map(str, BOX))),
    ]
    with servers.running("copyparty", command, port=port, folder=folder) as server:
        yield server


@contextmanager
def ipx(folder: Path, shared: Path) -> Iterator[Server]:
    """Run the server that comes with ipx, with that folder as its only one."""
    port = servers.free_port()
    program = peers.NODE_MODULES / "ipx/bin/ipx.mjs"
    command: Command = [peers.NODE, program, "serve", "--dir", shared]
    environ = {"HOST": "127.0.0.1", "PORT": str(port), "NODE_ENV": "production"}
    with servers.running("ipx", command, port=port, folder=folder, environ=environ) as server:
        yield server


def our_path(address: str) -> str:
    """Return the path of a preview, for the service and for the old scripts."""
    return f"/getpreview?x={BOX[0]}&y={BOX[1]}&addr={quote(address, safe='')}"


def thumbor_path(address: str) -> str:
    """Return the path of the same preview for thumbor."""
    return f"/unsafe/fit-in/{BOX[0]}x{BOX[1]}/{quote(address, safe='')}"


def sized_path(service: Server, picture: bytes) -> str:
    """Save the picture under its ID; return the path of it at a size, as a JPEG."""
    answer = send_plain(service.port, Content(len(picture), picture), path="/o/")
    return f"/{_SIZE}/{json.loads(answer.body)['id']}.jpeg"


def copyparty_path(name: str) -> str:
    """Return the path of the preview of a picture in copyparty's folder."""
    return f"/{name}?th=j"


def ipx_path(name: str) -> str:
    """Return the path of the same preview for ipx."""
    return f"/s_{BOX[0]}x{BOX[1]},fit_inside/{name}"
