"""
`GET /getpreview`: shows the picture at an address, small enough for a box.
"""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc import again
from uploadsvc.errors import BadInput, NotAllowed
from uploadsvc.images import EXTENSIONS, Size
from uploadsvc.previews import Preview, Previews
from uploadsvc.web.errors import allow
from uploadsvc.web.headers import cache_control, cache_until, protect
from uploadsvc.web.query import one, parameters
from uploadsvc.web.ranges import sent_by_the_server, with_ranges

_DEFAULT_SIDE = "128"
_LARGE = 1 << 16
"""Bytes. What is smaller a client takes at once, or nearly so."""


def getpreview(
    previews: Previews,
    *,
    max_side: int,
    loop_header: str,
    begin_sending: Callable[[], Callable[[], None]] = lambda: lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WSGIApplication:
    """
    Return the endpoint. `max_side` is the largest side of a preview in pixels.

    `loop_header` is what our own fetches carry: a preview of a preview is refused.
    `begin_sending` is called before a large preview is sent, and raises to refuse it; what it
    returns is called when it was sent.
    """
    loop_variable = "HTTP_" + loop_header.upper().replace("-", "_")

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "GET", "HEAD")
        if loop_variable in request.environ:
            raise NotAllowed("a preview cannot be the source of a preview")
        query = parameters(request)
        address = one("addr", query)
        if not address:
            raise BadInput("addr is missing: it is the address of a picture")
        size = Size.parse(_side("x", query), _side("y", query), max_side=max_side)
        preview = previews.find(address, size, requested=request.host_url)
        response = _response(preview)
        cache_until(response, preview.expires, now=now())
        if request.method != "GET":
            return with_ranges(request, response, preview.file, preview.size)
        if preview.size > _LARGE:
            try:
                when_sent = begin_sending()
            except BaseException:
                preview.file.close()
                raise
            return with_ranges(request, response, preview.file, preview.size, when_sent=when_sent)
        request.environ[again.KEY] = _again(previews, preview, response, now)
        with preview.file as file:
            body = io.BytesIO(file.read())
        return with_ranges(request, response, body, preview.size)

    return sent_by_the_server(endpoint)


def _response(preview: Preview) -> Response:
    response = Response()
    name = f"preview.{EXTENSIONS[preview.media_type]}"
    protect(response, media_type=preview.media_type, name=name)
    response.etag = preview.tag
    response.last_modified = datetime.fromtimestamp(preview.modified_ns / 1e9, tz=UTC)
    return response


def _again(
    previews: Previews, preview: Preview, response: Response, now: Callable[[], datetime]
) -> again.Again:
    """Return what gives the same answer anew, with the bytes that are there by then."""
    changing = {"Content-Length", "Cache-Control", "Accept-Ranges"}
    lasting = [(name, value) for name, value in response.headerlist if name not in changing]
    lasting += [("Accept-Ranges", "bytes"), ("Content-Length", str(preview.size))]

    def answer() -> again.Answer | None:
        body = previews.read_again(preview)
        if body is None:
            return None
        caching = ("Cache-Control", cache_control(preview.expires, now=now()))
        return again.Answer([*lasting, caching], body)

    return answer


def _side(name: str, query: dict[str, set[str]]) -> str:
    asked = one(name, query)
    return _DEFAULT_SIDE if asked is None else asked
