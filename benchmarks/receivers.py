"""
Those that take uploads beside the service, each set up as its documentation says, and how a
file is sent to each.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from benchmarks import peers, servers
from benchmarks.exchange import Exchange
from benchmarks.plan import PROJECT
from benchmarks.servers import Command, Server
from benchmarks.wire import BadAnswer, Content

TUS_SERVER = "@tus/server"
COPYPARTY = "copyparty"
_BOUNDARY = "x-benchmark-boundary-x"
_TUS = {"Tus-Resumable": "1.0.0"}
_OFFSET_STREAM = {"Content-Type": "application/offset+octet-stream"}
_NAMED = {"Upload-Metadata": "filename dXBsb2FkLmJpbg=="}


@contextmanager
def copyparty(
    folder: Path, *, name: str, hashing: bool = True, under: Command = ()
) -> Iterator[Server]:
    """
    Run copyparty with a folder that all may write to; without `hashing` it computes no
    checksum of what it takes. `under` is a command that runs it.
    """
    shared = folder / "files"
    shared.mkdir()
    port = servers.free_port()
    command: Command = [
        *(*under, peers.PYTHON, "-m", "copyparty", "-i", "127.0.0.1", "-p", str(port)),
        *("--http-only", "-v", f"{shared}::rw"),
        *(() if hashing else ("--put-ck", "no", "--bup-ck", "no")),
    ]
    with servers.running(name, command, port=port, folder=folder) as server:
        yield server


@contextmanager
def tus_server(folder: Path, *, name: str, under: Command = ()) -> Iterator[Server]:
    """Run the Node tus server with its file store; `under` is a command that runs it."""
    directory = folder / "uploads"
    directory.mkdir()
    port = servers.free_port()
    program = PROJECT / "benchmarks/apps/tus_server.cjs"
    command: Command = [*under, peers.NODE, program, str(port), directory]
    environ = {"NODE_PATH": str(peers.NODE_MODULES), "NODE_ENV": "production"}
    with servers.running(name, command, port=port, folder=folder, environ=environ) as server:
        yield server


def create(exchange: Exchange, content: Content) -> str:
    """Begin a tus upload; return its path."""
    headers = {**_TUS, **_NAMED, "Upload-Length": str(content.size)}
    created = exchange.ask("POST", "/files/", headers)
    return urlsplit(urljoin("http://host/files/", created.headers["location"])).path


def patch(exchange: Exchange, path: str, content: Content) -> None:
    """Send all bytes of a tus upload in one request."""
    headers = {**_TUS, **_OFFSET_STREAM, "Upload-Offset": "0"}
    patched = exchange.send("PATCH", path, headers, content)
    if patched.headers["upload-offset"] != str(content.size):
        raise BadAnswer(f"not all was taken: {patched.headers}")


def sha256(exchange: Exchange, path: str) -> str:
    """Ask the service for the SHA-256 of a finished tus upload."""
    return str(json.loads(exchange.ask("GET", f"{path}/info", {}).body)["sha256"])


def create_with_upload(exchange: Exchange, number: int, data: bytes) -> None:
    """Begin a tus upload and send all its bytes in the same request."""
    headers = {**_TUS, **_NAMED, **_OFFSET_STREAM, "Upload-Length": str(len(data))}
    exchange.ask("POST", "/files/", headers, data)


def form(exchange: Exchange, number: int, data: bytes) -> None:
    """Upload a file with a form, as browsers do."""
    _form(exchange, "/sendfile", {"to": "juliet@capulet.example"}, "file1", number, data, {})


def form_for_json(exchange: Exchange, number: int, data: bytes) -> None:
    """Upload the same with an answer in JSON, which tells the SHA-256."""
    fields = {"to": "juliet@capulet.example"}
    _form(exchange, "/sendfile", fields, "file1", number, data, {"Accept": "application/json"})


def copyparty_form(exchange: Exchange, number: int, data: bytes) -> None:
    """Upload a file with copyparty's form for browsers without scripts."""
    _form(exchange, "/?j", {"act": "bput"}, "f", number, data, {})


def _form(
    exchange: Exchange,
    path: str,
    fields: dict[str, str],
    file: str,
    number: int,
    data: bytes,
    headers: dict[str, str],
) -> None:
    before = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    # Each has a name of its own: copyparty keeps them all in one folder.
    before += (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{file}"; '
        f'filename="upload-{number}.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    body = b"%s%s\r\n--%s--\r\n" % (before.encode(), data, _BOUNDARY.encode())
    media_type = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    exchange.ask("POST", path, media_type | headers, body)


def put(exchange: Exchange, content: Content) -> str:
    """Send a file as copyparty takes it from scripts; return its path."""
    exchange.send("PUT", "/upload.bin", {}, content)
    return "/upload.bin"
