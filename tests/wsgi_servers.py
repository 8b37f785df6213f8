"""
One WSGI script under real servers: gunicorn with several processes, Apache with mod_wsgi.

The script has `application`, and finds the folder that it may use in `FOLDER`, a line that is
put before it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apache import (
    APACHE_USER,
    MODULES,
    SERVICE_GROUP,
    SERVICE_USER,
    check_interpreter,
    command_line,
    find_python_home,
    is_root,
)
from servers import family, free_port, stop, wait_until_answering

_CONFIGURATION = """
ServerRoot {folder}
DefaultRuntimeDir {folder}/run
PidFile {folder}/run/httpd.pid
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
{modules}
{user}
ErrorLog {folder}/error.log
WSGISocketPrefix {folder}/run/wsgi
WSGIDaemonProcess script processes={processes} threads={threads} user={service_user} \
    group={service_group} python-home={python_home} home={folder} lang=C.UTF-8 locale=C.UTF-8 \
    shutdown-timeout=10 display-name=%{{GROUP}}
WSGIScriptAlias / {folder}/script.wsgi process-group=script application-group=%{{GLOBAL}}
<Directory {folder}>
    Require all granted
    WSGIChunkedRequest On
    LimitRequestBody 0
</Directory>
"""


@dataclass
class Server:
    url: str
    folder: Path
    """What the script may use."""
    process: subprocess.Popen
    log: Path
    name: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def kill(self, pid: int) -> None:
        """End one of its processes the hard way."""
        assert pid in family(self.process.pid)
        os.kill(pid, signal.SIGKILL)

    def processes(self) -> list[int]:
        """The processes that run the script."""
        workers = family(self.process.pid)[1:]
        if self.name == "gunicorn":
            return workers
        return [pid for pid in workers if "(wsgi:script)" in command_line(pid)]


@contextlib.contextmanager
def running_gunicorn(script: str, *, processes: int = 3) -> Iterator[Server]:
    """Run gunicorn with so many processes, each of which answers one request at a time."""
    with _folder() as home:
        folder, log = home / "data", home / "server.log"
        folder.mkdir()
        (home / "script.py").write_text(f"FOLDER = {str(folder)!r}\n{script}")
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--timeout", "120"]
        command += ["--workers", str(processes), "--bind", f"127.0.0.1:{port}"]
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [*command, "script:application"],
                cwd=home,
                stderr=errors,
                start_new_session=True,
            )
        server = Server(f"http://127.0.0.1:{port}", folder, process, log, "gunicorn")
        with _answering(server):
            yield server


@contextlib.contextmanager
def running_mod_wsgi(
    program: str, script: str, *, processes: int = 3, threads: int = 3
) -> Iterator[Server]:
    """Run Apache with mod_wsgi and so many processes; skip, saying why, where that cannot be."""
    check_interpreter()
    with _folder() as home:
        folder, log = home / "data", home / "error.log"
        folder.mkdir()
        (home / "run").mkdir()
        (home / "script.wsgi").write_text(f"FOLDER = {str(folder)!r}\n{script}")
        if is_root():
            shutil.chown(folder, SERVICE_USER, SERVICE_GROUP)
        port = free_port()
        modules = ("mpm_event", "authz_core", "alias", "wsgi")
        configuration = _CONFIGURATION.format(
            folder=home,
            port=port,
            modules="\n".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so" for m in modules),
            user=f"User {APACHE_USER}\nGroup {APACHE_USER}" if is_root() else "",
            processes=processes,
            threads=threads,
            service_user=SERVICE_USER if is_root() else f"#{os.geteuid()}",
            service_group=SERVICE_GROUP if is_root() else f"#{os.getegid()}",
            python_home=find_python_home(home),
        )
        (home / "httpd.conf").write_text(configuration)
        process = subprocess.Popen(
            [program, "-d", home, "-f", home / "httpd.conf", "-DFOREGROUND"],
            env={"PATH": os.environ["PATH"]},
            cwd=home,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        server = Server(f"http://127.0.0.1:{port}", folder, process, log, "apache")
        with _answering(server):
            yield server


@contextlib.contextmanager
def _answering(server: Server) -> Iterator[None]:
    try:
        wait_until_answering(server.port)
        yield
    finally:
        stop(server.process)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder that all users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="uploadsvc-script-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
