"""
nginx: in front of the service, with the shipped site, and alone with a folder of files.

Of the shipped site only the lines marked SET are set.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import servers
from benchmarks.plan import PROJECT
from benchmarks.servers import Command, Server

PROGRAM = "nginx"

_SHIPPED = PROJECT / "deploy/nginx"
_MAIN = """
daemon off;
{user}
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/main.log crit;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def is_installed() -> bool:
    """Whether there is an nginx to run."""
    return shutil.which(PROGRAM) is not None


@contextmanager
def nginx(folder: Path, service: Server) -> Iterator[Server]:
    """Run nginx in front of a service that has its data in the folder `data` of its own."""
    port = servers.free_port()
    data = service.folder / "data"
    values = {
        "server": f"127.0.0.1:{service.port}",
        "listen": f"127.0.0.1:{port} sndbuf=256k",
        "set $uploadsvc_storage": str(data / "Storage"),
        "set $uploadsvc_sized": str(data / "Sized"),
        "access_log": f"{folder}/access.log uploadsvc",
        "error_log": f"{folder}/error.log crit",
        "include": f"{_SHIPPED}/locations.conf",
    }
    site = (_SHIPPED / "uploadsvc.conf").read_text()
    for directive, value in values.items():
        site = re.sub(rf"(?m)^( {{4}}{re.escape(directive)}) [^;]*;", rf"\1 {value};", site)
    with _nginx(folder, site, port) as server:
        yield server


@contextmanager
def plain(folder: Path, files: Path) -> Iterator[Server]:
    """Run nginx with a site that serves the files of a folder, as its documentation says."""
    port = servers.free_port()
    site = f"""
    types {{ image/jpeg jpeg; }}
    sendfile on;
    tcp_nopush on;
    server {{
        listen 127.0.0.1:{port};
        root {files};
        access_log {folder}/access.log;
    }}
    """
    with _nginx(folder, site, port) as server:
        yield server


@contextmanager
def _nginx(folder: Path, site: str, port: int) -> Iterator[Server]:
    (folder / "site.conf").write_text(site)
    # The folder of the benchmarks is for nobody else to enter.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
    command: Command = [
        *(PROGRAM, "-p", folder, "-e", folder / "main.log"),
        *("-c", folder / "nginx.conf"),
    ]
    with servers.running("nginx", command, port=port, folder=folder) as server:
        yield server
