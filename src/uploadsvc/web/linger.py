"""
Lets a client that is still sending find the answer that it is given early.

A server that closes a connection with unread bytes in it resets it, and the client may
never see why it was refused. After an answer whose request was not read to its end, the
rest of it is read and thrown away, for a limited time and for a few clients at once.
"""

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PIECE = 1 << 16
_BODIES = frozenset({"POST", "PUT", "PATCH"})


def lingering(app: WSGIApplication, *, seconds: float = 10, at_once: int = 16) -> WSGIApplication:
    """Wrap an application for gunicorn, whose socket is in the environ."""
    places = threading.BoundedSemaphore(at_once)

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        refused = False

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal refused
            # One whose body stands still is not listened to any longer.
            refused = status >= "400" and not status.startswith("408")
            return start_response(status, headers, *exc_info)

        answer = app(environ, start)
        connection = environ.get("gunicorn.socket")
        if refused and connection is not None and environ["REQUEST_METHOD"] in _BODIES:
            return _Lingering(answer, environ["wsgi.input"], connection, seconds, places)
        return answer

    return serve


class _Lingering:
    def __init__(
        self,
        answer: Iterable[bytes],
        body: Any,
        connection: socket.socket,
        seconds: float,
        places: threading.BoundedSemaphore,
    ) -> None:
        self._answer = answer
        self._body = body
        self._connection = connection
        self._seconds = seconds
        self._places = places

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """Called by the server when the answer has been sent."""
        if hasattr(self._answer, "close"):
            self._answer.close()
        if not self._places.acquire(blocking=False):
            # gunicorn would listen for some seconds more, in this thread.
            self._body.failed = True
            return
        # Ends a read that is under way, however slowly its bytes come.
        end = threading.Timer(self._seconds, self._stop_listening)
        end.daemon = True
        try:
            end.start()
            # Whatever goes wrong with a request that was refused is no news.
            with contextlib.suppress(Exception):
                while self._body.read(_PIECE):
                    pass
        finally:
            end.cancel()
            self._places.release()

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)
