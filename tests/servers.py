"""Real servers for the tests: each on a free loopback port, each ended by its own process id."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from waiting import eventually

UPLOADSVC = Path(sys.executable).with_name("uploadsvc")


@dataclass
class Service:
    url: str
    data_dir: Path
    process: subprocess.Popen
    log: Path
    environ: dict = field(repr=False)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def storage(self) -> Path:
        return self.data_dir / "Storage"

    @property
    def previews(self) -> Path:
        return self.data_dir / "Previews"

    def kill(self) -> None:
        """End it the hard way, with everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run another `uploadsvc` command with the same settings."""
        return subprocess.run(
            [UPLOADSVC, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def processes(self) -> list[int]:
        """The process ids of the server and of all that it started."""
        return family(self.process.pid)


@contextlib.contextmanager
def running_service(
    folder: Path, *, wrapper: tuple[str, ...] = (), **settings: object
) -> Iterator[Service]:
    """
    Run `uploadsvc serve` with everything in `folder`; `settings` are by their names.

    `wrapper` is put before the command, like ("strace", "-f").
    """
    data_dir = folder / "data"
    environ = {key: value for key, value in os.environ.items() if "UPLOADSVC_" not in key}
    environ["UPLOADSVC_DATA_DIR"] = str(data_dir)
    environ |= {f"UPLOADSVC_{key.upper()}": str(value) for key, value in settings.items()}
    log = folder / "service.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*wrapper, UPLOADSVC, "serve", "--port", "0"],
            env=environ,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    assert process.stdout is not None
    said = process.stdout.readline().decode()
    process.stdout.close()
    assert "http://" in said, log.read_text()
    service = Service(said[said.index("http://") :].strip(), data_dir, process, log, environ)
    try:
        wait_until_answering(service.port)
        yield service
    finally:
        stop(process)


def stop(process: subprocess.Popen, *, patience: float = 15) -> None:
    """Ask a process to end; make it, with all that it started, when it does not."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def wait_until_answering(port: int) -> None:
    """Return when somebody answers an HTTP request on the loopback port."""
    if not eventually(lambda: _is_answering(port)):
        raise TimeoutError(f"nobody answers on port {port}")


def _is_answering(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return bool(connection.recv(16))
    return False


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def family(pid: int) -> list[int]:
    """The process id and those of all its descendants that are alive."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        # A thread may have ended since it was listed.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children.extend(map(int, task.read_text().split()))
    return [pid, *(one for child in children for one in family(child))]


def peak_memory(pid: int) -> int:
    """The most memory that a process has had resident, in bytes (VmHWM); 0 when it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
