"""
A file that is the whole body of a request, read as it comes.
"""

from collections.abc import Iterator

from webob import Request

from uploadsvc.errors import TooLarge
from uploadsvc.web.body import Body
from uploadsvc.web.errors import LengthRequired


class RawFile:
    def __init__(self, request: Request, *, limit: int) -> None:
        """
        Begin to read the file; `limit` is its size in bytes.

        Raise `TooLarge` before anything is read where the length of the body tells, and
        `LengthRequired` where there is no body at all.
        """
        self.expected = request.content_length or 0
        """How many bytes the file will have, as far as the request says."""
        self._limit = limit
        self._body = Body(request)
        if self.expected > limit:
            raise TooLarge(_too_large(limit))
        if not self._body.is_announced:
            raise LengthRequired("the request has neither a length nor a body")

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as they come; raise `BrokenOff`, or `TooLarge` past the limit."""
        while piece := self._body.read():
            if self._body.received > self._limit:
                raise TooLarge(_too_large(self._limit))
            yield piece


def _too_large(limit: int) -> str:
    return f"the file is larger than {limit} bytes"
