"""
Lets a client that is still sending find the answer that it is given early.

A server that closes a connection with unread bytes in it resets it, and the client may
never see why it was refused. After an answer whose request was not read to its end, some
more of it is read and thrown away, for a limited time.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Small: a read lasts until it has all it asked for, however slowly that comes.
_PIECE = 1 << 13


def lingering(
    app: WSGIApplication,
    *,
    seconds: float = 10,
    clock: Callable[[], float] = time.monotonic,
) -> WSGIApplication:
    """Wrap an application for gunicorn, whose socket is in the environ."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        refused: list[bool] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            refused.append(status >= "400")
            return (
                start_response(status, headers, exc_info)
                if exc_info
                else start_response(status, headers)
            )

        answer = app(environ, start)
        if refused and refused[-1] and environ["REQUEST_METHOD"] in ("POST", "PUT", "PATCH"):
            return _Lingering(answer, environ, seconds, clock)
        return answer

    return serve


class _Lingering:
    def __init__(
        self,
        answer: Iterable[bytes],
        environ: WSGIEnvironment,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._answer = answer
        self._environ = environ
        self._seconds = seconds
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """Called by the server when the answer has been sent."""
        if hasattr(self._answer, "close"):
            self._answer.close()
        socket = self._environ.get("gunicorn.socket")
        if socket is None:
            return
        deadline = self._clock() + self._seconds
        former = socket.gettimeout()
        # Whatever goes wrong with a request that was refused is no news.
        with contextlib.suppress(Exception):
            while (left := deadline - self._clock()) > 0:
                socket.settimeout(left)
                if not self._environ["wsgi.input"].read(_PIECE):
                    break
        with contextlib.suppress(OSError):
            socket.settimeout(former)
