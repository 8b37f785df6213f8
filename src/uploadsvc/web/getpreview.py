"""
`GET /getpreview`: shows the picture at an address, small enough for a box.
"""

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
from uploadsvc.web.ranges import with_ranges

_DEFAULT_SIDE = "128"


def getpreview(
    previews: Previews,
    *,
    max_side: int,
    loop_header: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WSGIApplication:
    """
    Return the endpoint. `max_side` is the largest side of a preview in pixels.

    `loop_header` is what our own fetches carry: a preview of a preview is refused.
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
        response = Response()
        name = f"preview.{EXTENSIONS[preview.media_type]}"
        protect(response, media_type=preview.media_type, name=name)
        response.etag = preview.tag
        response.last_modified = datetime.fromtimestamp(preview.modified_ns / 1e9, tz=UTC)
        if request.method == "GET":
            request.environ[again.KEY] = answering_again(preview, response)
        cache_until(response, preview.expires, now=now())
        return with_ranges(request, response, preview.file, preview.size)

    def answering_again(preview: Preview, response: Response) -> again.Again:
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

    return endpoint


def _side(name: str, query: dict[str, set[str]]) -> str:
    asked = one(name, query)
    return _DEFAULT_SIDE if asked is None else asked
