"""
Reads a body from gunicorn's socket, past the buffers that gunicorn keeps of it.

gunicorn joins what it receives into pieces of the size that is asked for, which copies
every byte three times and waits until a piece is full. Here each piece is what the socket
has. What gunicorn has read ahead comes first, and what is read is counted with gunicorn, so
that it still knows where the body ends. Anything not in the shape that is known here is
left to `wsgi.input`.
"""

from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIEnvironment

Read = Callable[[int], bytes]


def wire_reader(environ: WSGIEnvironment) -> Read | None:
    """
    Return what reads a piece of the body, at most so many bytes, empty at its end.

    None where the server is not gunicorn, the body has no length (it comes in chunks), or
    is not read from a plain socket.
    """
    body: Any = environ["wsgi.input"]
    reader: Any = getattr(body, "reader", None)
    unreader: Any = getattr(reader, "unreader", None)
    if unreader is None or "gunicorn.socket" not in environ:
        return None
    connection = environ["gunicorn.socket"]
    if unreader.sock is not connection:
        return None
    receive: Callable[[int], bytes] = connection.recv
    if not _is(body, "Body") or not _is(reader, "LengthReader") or hasattr(connection, "pending"):
        return None
    if body.buf.tell():
        # Somebody has read from it, and gunicorn has kept some.
        return None

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


def _is(thing: object, name: str) -> bool:
    return type(thing).__module__ == "gunicorn.http.body" and type(thing).__name__ == name
