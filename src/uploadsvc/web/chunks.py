"""
Reads a body that comes in chunks from gunicorn, each piece as soon as it is there.

gunicorn fills the size that is asked for before it hands anything out, and what it has by then
is lost when the client breaks off. Its parser of chunks (RFC 9112 7.1) is used as it is, but
step by step. Anything not in the shape that is known here is left to `wsgi.input`.
"""

from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIEnvironment

Read = Callable[[int], bytes]


def chunk_reader(environ: WSGIEnvironment) -> Read | None:
    """
    Return what reads a piece of the body, at most so many bytes, empty at its end.

    It raises what gunicorn does for malformed chunks and an end that is too early. None where
    the server is not gunicorn, or the body does not come in chunks.
    """
    body: Any = environ["wsgi.input"]
    reader: Any = getattr(body, "reader", None)
    if type(reader).__module__ != "gunicorn.http.body" or not hasattr(reader, "parse_chunked"):
        return None
    if body.buf.tell() or reader.buf.tell():
        # Somebody has read from it, and gunicorn has kept some.
        return None
    rest = b""

    def read(size: int) -> bytes:
        nonlocal rest
        while not rest and reader.parser is not None:
            try:
                rest = next(reader.parser)
            except StopIteration:
                reader.parser = None
            except BaseException:
                # gunicorn closes a connection on which the next request cannot be found.
                body.failed = True
                raise
        piece, rest = rest[:size], rest[size:]
        return piece

    return read
