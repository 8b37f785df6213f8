"""
The body of a request, read in pieces: counted, and never taken for whole when it is not.

A server tells in its own way that a client went away: by an error, or by an end that comes
too early. Both are `BrokenOff` here.
"""

from collections.abc import Callable

from webob import Request

from uploadsvc.errors import BadInput, BrokenOff
from uploadsvc.web.chunks import chunk_reader
from uploadsvc.web.errors import Stalled
from uploadsvc.web.wire import wire_reader

_PIECE, _LARGEST = 1 << 16, 1 << 19
_MAX_EPILOGUE = 4096


class Body:
    def __init__(self, request: Request, *, at: int = 0, prompt: bool = False) -> None:
        """
        `at` is the place in a file, in bytes, that the body's first byte will have. With
        `prompt` nothing that has come is held back, where the server lets us.
        """
        wire = wire_reader(request.environ, prompt=prompt) or chunk_reader(request.environ)
        self._read: Callable[[int], bytes] = wire or request.environ["wsgi.input"].read
        # Others fill a piece before they hand it out, however slowly it comes.
        self._piece = _LARGEST if wire else _PIECE
        self._at = at
        self._length = request.content_length
        self.is_announced = self._length is not None or "HTTP_TRANSFER_ENCODING" in request.environ
        """Whether the request says that it has a body (RFC 9112 6.3)."""
        self.received = 0

    def read(self) -> bytes:
        """
        Return the next piece, empty at the end.

        Raise `BrokenOff` if the end comes early, `Stalled` if the server waited in vain.
        """
        # Pieces end where pages of the file do: others are written at twice the price.
        wanted = self._piece - (self._at + self.received) % self._piece
        if self._length is not None:
            wanted = min(wanted, self._length - self.received)
        try:
            piece = self._read(wanted) if wanted else b""
        except TimeoutError as error:
            raise Stalled("the body stands still") from error
        # Each server has errors of its own for a body that breaks off.
        except Exception as error:
            raise BrokenOff("the body broke off") from error
        self.received += len(piece)
        if not piece and self._length is not None and self.received < self._length:
            raise BrokenOff("the body ended before its length")
        return piece

    def finish(self, epilogue: bytes, boundary: bytes) -> None:
        """Read to the end of the body, which may hold a short epilogue and no second form."""
        while piece := self.read():
            epilogue += piece
            if len(epilogue) > _MAX_EPILOGUE:
                break
        if len(epilogue) > _MAX_EPILOGUE or boundary in epilogue:
            raise BadInput("there is something after the end of the form")
