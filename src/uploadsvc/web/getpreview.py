"""
`GET /getpreview`: shows the picture at an address, small enough for a box.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.addresses import AddressPreviews
from uploadsvc.errors import BadInput, NotAllowed
from uploadsvc.images import EXTENSIONS, Size, Variant
from uploadsvc.previews import Preview
from uploadsvc.web.accept import preview_format
from uploadsvc.web.errors import allow
from uploadsvc.web.headers import cache_control, protect
from uploadsvc.web.query import is_still, one, parameters
from uploadsvc.web.ranges import sent_by_the_server
from uploadsvc.web.shown import show

_DEFAULT_SIDE = "128"


def getpreview(
    previews: AddressPreviews,
    *,
    max_side: int,
    loop_header: str,
    avif: bool = False,
    begin_sending: Callable[[], Callable[[], None]] = lambda: lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WSGIApplication:
    """
    Return the endpoint. `max_side` is the largest side of a preview in pixels; `avif` gives
    AVIF to those who accept it.

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
        variant = Variant(size, preview_format(request, avif=avif), still=is_still(query))
        preview = previews.find(address, variant, requested=request.host_url)
        return show(
            request,
            _response(preview),
            preview,
            caching=lambda: cache_control(preview.expires, now=now()),
            read_again=previews.read_again,
            begin_sending=begin_sending,
        )

    return sent_by_the_server(endpoint)


def _response(preview: Preview) -> Response:
    response = Response()
    name = f"preview.{EXTENSIONS[preview.media_type]}"
    protect(response, media_type=preview.media_type, name=name)
    response.vary = ["Accept"]
    response.etag = preview.tag
    response.last_modified = datetime.fromtimestamp(preview.modified_ns / 1e9, tz=UTC)
    return response


def _side(name: str, query: dict[str, set[str]]) -> str:
    asked = one(name, query)
    return _DEFAULT_SIDE if asked is None else asked
