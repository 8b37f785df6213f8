"""
The servers that are measured: each on a free loopback port, each ended by its own process id.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.plan import PROJECT

Command = Sequence[str | Path]

_PATIENCE_SECONDS = 30
_SETTLE_SECONDS = 0.2  # what a server does after its answer is its work too
UPLOADSVC = Path(sys.executable).with_name("uploadsvc")


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    folder: Path
    """Holds all that the server writes."""

    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Return the CPU seconds so far, of all its processes; waits until it has come to rest."""
        time.sleep(_SETTLE_SECONDS)
        return processes.cpu_seconds(self.process.pid)

    def memory(self) -> int:
        """Return the bytes of memory (PSS) of all its processes together."""
        return processes.memory(self.process.pid)


@contextmanager
def running(
    name: str,
    command: Command,
    *,
    port: int,
    folder: Path,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a command that serves on the loopback port; end it, with all that it started."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    inherited = {key: value for key, value in os.environ.items() if "UPLOADSVC_" not in key}
    own = {"TMPDIR": str(temporary), "HOME": str(folder), "PYTHONPATH": str(PROJECT)}
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=inherited | own | dict(environ or {}),
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_listening(process, port, log)
        yield Server(name, port, folder, process)
    finally:
        _end(process)


@contextmanager
def uploadsvc(
    folder: Path,
    *,
    name: str = "uploadsvc serve",
    command: Command = (UPLOADSVC,),
    environ: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[Server]:
    """
    Run the installed `uploadsvc serve`; `settings` are by their names.

    `command` is what stands before "serve", where it is not the plain command.
    """
    port = free_port()
    # The floor of the disk is another matter: a benchmark may run on a disk that is nearly full.
    settings = {"data_dir": folder / "data", "disk_floor": 0} | settings
    own = {f"UPLOADSVC_{key.upper()}": str(value) for key, value in settings.items()}
    command = [*command, "serve", "--port", str(port)]
    environ = own | dict(environ or {})
    with running(name, command, port=port, folder=folder, environ=environ) as server:
        yield server


@contextmanager
def gunicorn(
    name: str,
    application: str,
    *,
    python: Path,
    folder: Path,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a WSGI application (`module:name`) under gunicorn: one worker with threads."""
    port = free_port()
    command: Command = [
        *(python, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--workers", "1", "--threads", "64"),
        *("--worker-tmp-dir", folder, "--no-control-socket", "--timeout", "600"),
        *options,
    ]
    with running(name, command, port=port, folder=folder, environ=environ) as server:
        yield server


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"a server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_PATIENCE_SECONDS)
    # The session is its own: this ends what a server left behind, and nothing else.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=_PATIENCE_SECONDS)
