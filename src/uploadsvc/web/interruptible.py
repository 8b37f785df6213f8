"""
A body whose reading another request can end: by asking for the upload that it belongs to.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from webob import Request

from uploadsvc.errors import BrokenOff, Conflict
from uploadsvc.web.body import Body


class TakenOver(Conflict):
    code = "taken-over"


class InterruptibleBody:
    def __init__(self, request: Request) -> None:
        self._request = request
        # Other servers than gunicorn let nobody near it: there the reading ends with the next
        # bytes that come.
        self._connection: Any = request.environ.get("gunicorn.socket")
        self._is_interrupted = self._is_reading = False
        self._lock = threading.Lock()

    def interrupt(self) -> None:
        """End the reading, from another thread; what has come is not lost."""
        with self._lock:
            self._is_interrupted = True
            # Once the body is read the connection is for the next request, perhaps of another
            # client behind the same proxy.
            if self._is_reading and self._connection is not None:
                self._request.environ["wsgi.input"].failed = True
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RD)

    def pieces(self, *, at: int = 0) -> Iterator[bytes]:
        """
        Yield what comes, for a file from `at` on; raise `TakenOver` when interrupted, and what
        `Body` does.
        """
        body = Body(self._request, at=at)
        while piece := self._read(body):
            yield piece

    def _read(self, body: Body) -> bytes:
        with self._lock:
            self._check()
            self._is_reading = True
        try:
            return body.read()
        except BrokenOff:
            self._check()
            raise
        finally:
            with self._lock:
                self._is_reading = False

    def _check(self) -> None:
        if self._is_interrupted:
            raise TakenOver("this request had to let go of the upload; what had come is kept")
