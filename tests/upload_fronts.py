"""Where clients with resumable uploads come in: at the service itself, or at nginx before it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lossy import has_read_all
from nginx import running_nginx
from servers import running_service

FRONTS = ["gunicorn", "nginx", "nginx with a prefix"]

_PREFIX = "/some/place"


@dataclass(frozen=True)
class Front:
    """Where clients come in."""

    port: int
    path: str
    """Of the endpoint."""
    ports: tuple[int, ...]
    """Of all servers that a request passes."""

    def has_read_all(self) -> bool:
        """Whether the servers have taken all that clients have sent so far."""
        # Twice, because bytes may just be between two of them.
        return all(has_read_all(port) for port in self.ports * 2)

    def has_counted(self, counted: int, passed: int) -> bool:
        """
        Whether so many are counted of the bytes that have passed: all of them.

        A proxy may drop what it has not handed on yet when its client is gone.
        """
        return counted == passed or (len(self.ports) > 1 and counted < passed)


@contextmanager
def running_front(kind: str, folder: Path, program: Callable[[str], str]) -> Iterator[Front]:
    """Run one of `FRONTS`."""
    if kind == "gunicorn":
        with running_service(folder, disk_floor=0, decoders=1) as service:
            yield Front(service.port, "/files/", (service.port,))
        return
    prefix = _PREFIX if "prefix" in kind else ""
    # Below a prefix it does not know these paths, and holds no body of any.
    with running_nginx(program("nginx"), buffering=not prefix, prefix=prefix) as nginx:
        yield Front(nginx.port, f"{prefix}/files/", (nginx.port, nginx.service.port))
