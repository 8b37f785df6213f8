"""
A real nginx in front of a real service for the tests, both on loopback ports.

The shipped files are used as they are; only what they mark with SET is set. Started by
root, nginx reads the stored files as another user than the service.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clients import upload
from servers import Service, family, free_port, running_service, stop, wait_until_answering

DEPLOY = Path(__file__).resolve().parent.parent / "deploy/nginx"
STORAGE_PATH = "/uploadfile/wsgi/Storage"
NGINX_USER = "www-data"

_MAIN = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/main.log crit;
{user}
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # As around it elsewhere: types by name, and answers made smaller.
    include /etc/nginx/mime.types;
    gzip on;
    gzip_types text/plain;
    include {folder}/uploadsvc.conf;
}}
"""


@dataclass
class Nginx:
    url: str
    folder: Path
    service: Service
    process: subprocess.Popen

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def storage(self) -> Path:
        return self.service.storage

    @property
    def sized(self) -> Path:
        return self.service.data_dir / "Sized"

    @property
    def log(self) -> str:
        return (self.folder / "access.log").read_text()

    @property
    def error_log(self) -> str:
        return (self.folder / "error.log").read_text()

    @property
    def service_log(self) -> str:
        return self.service.log.read_text()

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run an `uploadsvc` command with the service's settings."""
        return self.service.command(*arguments)

    def stop_service(self) -> None:
        """End the service for good."""
        self.service.kill()

    def partials(self) -> list[Path]:
        """Uploads that the service is in the middle of."""
        return list(self.storage.glob(".partial-*"))

    def bodies(self) -> list[str]:
        """Bodies that nginx holds on its own disk."""
        held = []
        for pid in family(self.process.pid):
            for opened in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    held.append(str(opened.readlink()))
        return [path for path in held if path.startswith(str(self.folder / "body"))]

    def store(self, data: bytes, filename: str, **fields: str) -> str:
        """Upload a file and return its link."""
        answer = upload(self.url, data, filename=filename, **fields)
        assert answer.status == 201, answer
        return answer.json["link"]

    def path(self, link: str) -> Path:
        """Where the file of a link is, for a name that needs no percent-encoding."""
        return self.storage / link.partition(f"{STORAGE_PATH}/")[2]


@contextlib.contextmanager
def running_nginx(
    program: str,
    *,
    buffering: bool = True,
    avif: bool = False,
    prefix: str = "",
    without: str | None = None,
    **settings: object,
) -> Iterator[Nginx]:
    """
    Run nginx and the service behind it, in a folder of their own that all may enter.

    `avif` is set for both. Below the path `prefix` everything is there once more, and the
    service does not know. `without` are lines of the shipped files that are left out, as a
    regular expression: what becomes of them then is what a careless operator would have.
    """
    folder = Path(tempfile.mkdtemp(prefix="uploadsvc-nginx-"))
    settings = {"trusted_proxies": "127.0.0.1", "disk_floor": 0, "decoders": 1} | settings
    settings |= {"avif": "true"} if avif else {}
    try:
        folder.chmod(0o755)
        with running_service(folder, **settings) as service:
            port = free_port()
            _configure(
                folder,
                port,
                service,
                buffering=buffering,
                avif=avif,
                prefix=prefix,
                without=without,
            )
            with (folder / "start.log").open("wb") as errors:
                process = subprocess.Popen(
                    [program, "-p", folder, "-e", folder / "main.log", "-c", folder / "nginx.conf"],
                    cwd=folder,
                    stderr=errors,
                    start_new_session=True,
                )
            try:
                wait_until_answering(port)
                yield Nginx(f"http://127.0.0.1:{port}", folder, service, process)
            finally:
                stop(process)
    finally:
        shutil.rmtree(folder)


def ask(port: int, request: bytes) -> bytes:
    """
    Send bytes and return the answer.

    Neither side is closed before: nginx gives no answer to a client that closes its own, and
    waits for one that has not sent all that it promised.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while not _is_whole(answer) and (piece := connection.recv(1 << 16)):
            answer += piece
        return answer


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    return length is not None and len(body) == int(length[1])


def get(target: str, *headers: str) -> bytes:
    """A request as bytes, for what no client would ask."""
    lines = [f"GET {target} HTTP/1.1", "Host: files.example", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def site(values: dict[str, str]) -> str:
    """The shipped site with other values for these directives; each must be there once."""
    text = (DEPLOY / "uploadsvc.conf").read_text()
    for directive, value in values.items():
        line = rf"(?m)^( {{4}}{re.escape(directive)}) [^;]*;"
        text, count = re.subn(line, rf"\1 {value};", text)
        assert count == 1, directive
    return text


def _configure(
    folder: Path,
    port: int,
    service: Service,
    *,
    buffering: bool,
    avif: bool,
    prefix: str,
    without: str | None,
) -> None:
    locations = DEPLOY / "locations.conf"
    if without:
        text, count = re.subn(rf"(?m)^ *({without}).*\n", "", locations.read_text())
        assert count, "there is no such line"
        locations = folder / "locations.conf"
        locations.write_text(text)
    text = site(
        {
            "server": f"127.0.0.1:{service.port}",
            "listen": f"127.0.0.1:{port} sndbuf=256k",
            "set $uploadsvc_storage": str(service.storage),
            "set $uploadsvc_sized": str(service.data_dir / "Sized"),
            "proxy_request_buffering": "on" if buffering else "off",
            "access_log": f"{folder}/access.log uploadsvc",
            "error_log": f"{folder}/error.log crit",
            "include": str(locations),
        }
    )
    if avif:
        text, count = re.subn(r"(?m)^( +)#(.*image/avif.*;)$", r"\1\2", text)
        assert count == 2, "two lines are for avif"
    if prefix:
        below = f"    location {prefix}/ {{ proxy_pass http://uploadsvc/; }}\n}}\n"
        text = text.rstrip().removesuffix("}") + below
    (folder / "uploadsvc.conf").write_text(text)
    user = f"user {NGINX_USER};" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
