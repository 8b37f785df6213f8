"""
Reads a body from gunicorn's socket, past the buffers that gunicorn keeps of it.

gunicorn joins what it receives into pieces of the size that is asked for, which copies
every byte three times. Here each piece is what the socket gives. What gunicorn has read
ahead comes first, and what is read is counted with gunicorn, so that it still knows where
the body ends. Anything not in the shape that is known here is left to `wsgi.input`.
"""

import socket
from collections.abc import Callable
from time import monotonic
from typing import Any
from wsgiref.types import WSGIEnvironment

_SMALL, _LARGE = 1 << 14, 1 << 19
_QUICK_SECONDS = 0.05

Read = Callable[[int], bytes]


def wire_reader(environ: WSGIEnvironment, *, prompt: bool = False) -> Read | None:
    """
    Return what reads a piece of the body, at most so many bytes, empty at its end.

    None where the server is not gunicorn, the body has no length (it comes in chunks), or
    is not read from a plain socket. A `prompt` one hands out at once what there is of a fast
    client's body too, at the cost of more calls.
    """
    body: Any = environ["wsgi.input"]
    reader: Any = getattr(body, "reader", None)
    unreader: Any = getattr(reader, "unreader", None)
    if unreader is None or "gunicorn.socket" not in environ:
        return None
    connection = environ["gunicorn.socket"]
    if unreader.sock is not connection:
        return None
    if not _is(body, "Body") or not _is(reader, "LengthReader") or hasattr(connection, "pending"):
        return None
    if body.buf.tell():
        # Somebody has read from it, and gunicorn has kept some.
        return None
    receive = _Receiver(connection, prompt=prompt)

    def read(size: int) -> bytes:
        size = min(size, reader.length)
        if not size:
            return b""
        try:
            ahead = unreader.buf.getbuffer().nbytes
            piece: bytes = unreader.read(min(size, ahead)) if ahead else receive(size)
        except BaseException:
            # gunicorn closes a connection on which the next request cannot be found.
            body.failed = True
            raise
        reader.length -= len(piece)
        return piece

    return read


class _Receiver:
    """
    Receives in pieces that fit the speed of the client.

    Slow ones are small and come as soon as there is anything: a thread that waits holds the
    room for its piece. Fast ones are large and come when they are full: each call costs
    a change of threads, which is most of what many fast clients at once cost.
    """

    def __init__(self, connection: socket.socket, *, prompt: bool) -> None:
        self._connection = connection
        self._flags = 0 if prompt else socket.MSG_WAITALL
        self._size = _SMALL

    def __call__(self, size: int) -> bytes:
        wanted = min(size, self._size)
        flags = self._flags if self._size > _SMALL else 0
        began = monotonic()
        piece = self._connection.recv(wanted, flags)
        if monotonic() - began >= _QUICK_SECONDS or len(piece) < wanted:
            self._size = _SMALL
        elif wanted == self._size:
            self._size = min(4 * self._size, _LARGE)
        return piece


def _is(thing: object, name: str) -> bool:
    return type(thing).__module__ == "gunicorn.http.body" and type(thing).__name__ == name
