"""
A client's connection, which a worker of gunicorn's closes in its own way.
"""

from typing import Any, Protocol

from gunicorn.workers.gthread import TConn

from uploadsvc.patience import PatientSocket
from uploadsvc.questions import LARGEST_HEAD
from uploadsvc.repeats import Asked


class ClosesGently(Protocol):
    cfg: Any

    def let_go(self, connection: "Connection") -> None:
        """Close a connection without losing its last answer."""


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    asked: Asked | None = None
    """What its last request was, if that may come again."""

    is_uploading = False
    """Whether its last request was an upload."""

    def __init__(
        self, worker: ClosesGently, client: PatientSocket, address: Any, server: Any
    ) -> None:
        super().__init__(worker.cfg, client, address, server)
        self._worker = worker

    def init(self) -> None:
        """Called before each request is read."""
        super().init()
        self.sock.expect_head()

    def has_begun(self) -> bool:
        """Whether a part of a request has come."""
        return self.initialized and bool(self.parser.unreader.buf.getbuffer().nbytes)

    def has_head(self) -> bool:
        """Whether the head of the next request has come already."""
        with self.parser.unreader.buf.getbuffer() as ahead:
            return ahead.nbytes >= LARGEST_HEAD or b"\r\n\r\n" in bytes(ahead)

    def send(self, data: memoryview) -> bool:
        """Send the rest of an answer; return whether the connection may be kept."""
        self.sock.sendall(data)
        return True

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self._worker.let_go(self)
        else:
            super().close()
