"""
An open file as the body of an answer: the whole, or the range that was asked for.

Conditional requests and ranges (RFC 9110, 13 and 14) are WebOb's; what it reads otherwise
than the RFC, or would answer with the client's own words, is settled here first.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import BinaryIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request, Response

from uploadsvc.web.errors import BadRange, PreconditionFailed

_PIECE = 1 << 18
_SUFFIX = re.compile(r"bytes=-([0-9]+)")
_DATES = {
    "If-Modified-Since": ("if_modified_since", "If-Modified-Since"),
    "If-Unmodified-Since": ("if_unmodified_since", "If-Unmodified-Since"),
    # What depends on a date that nobody can read is not done: the whole is sent.
    "If-Range": ("if_range", "Range"),
}


def with_ranges(
    request: Request,
    response: Response,
    file: BinaryIO,
    size: int,
    *,
    when_sent: Callable[[], None] = lambda: None,
) -> Response:
    """
    Return the response with the file, which is `size` bytes, as its body.

    The response must have its ETag and Last-Modified by now. When it was sent, the file is
    closed and `when_sent` called, also if this raises: `BadRange` when a range is asked for
    that the file does not have, `PreconditionFailed` when it is not the file that is asked
    about.
    """
    response.conditional_response = True
    response.accept_ranges = "bytes"
    body = FileBytes(file, when_closed=when_sent)
    response.app_iter = body
    response.content_length = size
    try:
        _drop_unreadable_dates(request)
        _check_match(request, response)
        if _is_known(request, response):
            request.headers.pop("Range", None)
        _settle_range(request, response, size)
    except BaseException:
        body.close()
        raise
    return response


def _drop_unreadable_dates(request: Request) -> None:
    for header, (attribute, dropped) in _DATES.items():
        try:
            getattr(request, attribute)
        except (ValueError, OverflowError):
            # RFC 9110 13.1.3: a date that is none is as if it were not there.
            request.headers.pop(header, None)
            request.headers.pop(dropped, None)


def _check_match(request: Request, response: Response) -> None:
    """RFC 9110 13.2.2, steps 1 and 2."""
    match = request.headers.get("If-Match", "").strip()
    if match:
        if match != "*" and response.etag not in request.if_match:
            raise PreconditionFailed("the file is not the one that was asked about")
    elif _is_newer(response, request.if_unmodified_since):
        raise PreconditionFailed("the file was modified since then")


def _is_known(request: Request, response: Response) -> bool:
    """Whether the client has the file already, so that the answer is 304 (steps 3 and 4)."""
    if request.headers.get("If-None-Match", "").strip() == "*":
        # WebOb knows only tags.
        request.headers["If-None-Match"] = f'"{response.etag}"'
    if "If-None-Match" in request.headers:
        return bool(response.etag in request.if_none_match)
    since = request.if_modified_since
    return since is not None and not _is_newer(response, since)


def _is_newer(response: Response, since: datetime | None) -> bool:
    modified = response.last_modified
    return since is not None and modified is not None and modified > since


def _settle_range(request: Request, response: Response, size: int) -> None:
    asked = request.headers.get("Range", "")
    if request.method != "GET" or "," in asked:
        # 14.2: ranges are for GET, and several at once may be answered with the whole.
        request.headers.pop("Range", None)
        return
    if suffix := _SUFFIX.fullmatch(asked.strip()):
        # 14.1.2: of the last bytes there are at most all, and none are too few.
        last = min(int(suffix[1]), size)
        request.headers["Range"] = f"bytes={size - last}-" if last else f"bytes={size}-"
    if request.range is None or request.range.content_range(size) is not None:
        return
    if response in request.if_range:
        raise BadRange(size)


class FileBytes:
    """The bytes of an open file, or a range of them; closes the file at the end."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        start: int = 0,
        stop: int | None = None,
        when_closed: Callable[[], None] = lambda: None,
    ) -> None:
        """`stop` is the first byte that is not given."""
        self._file = file
        self._start = start
        self._stop = stop
        self._when_closed = when_closed

    def app_iter_range(self, start: int, stop: int) -> Iterable[bytes]:
        """Return only the bytes from `start` up to `stop` (what WebOb asks for a range)."""
        return FileBytes(self._file, start=start, stop=stop, when_closed=self._when_closed)

    def __iter__(self) -> Iterator[bytes]:
        self.rewind()
        return iter(lambda: self.read(_PIECE), b"")

    def rewind(self) -> None:
        """Go to the first of the bytes."""
        self._file.seek(self._start)

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` at most; none at the end."""
        if self._stop is not None:
            size = min(size, self._stop - self._file.tell())
        return self._file.read(size)

    def tell(self) -> int:
        """Return where in the file the next byte is; mod_wsgi asks before it sends."""
        return self._file.tell()

    def fileno(self) -> int:
        """Return the file's descriptor; raise OSError where it has none."""
        return self._file.fileno()

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            # Once, though a server may close an answer twice.
            when_closed, self._when_closed = self._when_closed, lambda: None
            when_closed()


def sent_by_the_server(app: WSGIApplication) -> WSGIApplication:
    """
    Wrap an endpoint so that its files go to the server as files (PEP 3333, file_wrapper).

    The server then sends them without reading them, and a slow download holds no memory.
    """

    def sending(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = app(environ, start_response)
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is None or not isinstance(answer, FileBytes):
            return answer
        # A server begins where the file stands, and ends with Content-Length.
        answer.rewind()
        wrapped: Iterable[bytes] = wrapper(answer, _PIECE)
        return wrapped

    return sending
