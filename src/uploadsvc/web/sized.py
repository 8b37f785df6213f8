"""
`GET /SIZE/ID` and `/o/ID`: pictures that are kept under an ID, at a size or as they were saved.

What a URL leads to never changes, so answers may be kept for ever, by anybody.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.images import EXTENSIONS
from uploadsvc.mediatypes import picture_extension
from uploadsvc.sized import Address, Images
from uploadsvc.storage.names import safe_name
from uploadsvc.web.accept import preview_format
from uploadsvc.web.errors import allow
from uploadsvc.web.headers import protect
from uploadsvc.web.query import is_still, parameters
from uploadsvc.web.ranges import sent_by_the_server, with_ranges
from uploadsvc.web.shown import show

_KEEP_FOR_EVER = "public, max-age=31536000, immutable"


def sized(
    images: Images,
    *,
    avif: bool = False,
    begin_sending: Callable[[], Callable[[], None]] = lambda: lambda: None,
) -> WSGIApplication:
    """
    Return the endpoint; it answers for the paths that `uploadsvc.sized.claims` says are its own.

    `avif` gives AVIF to those who accept it and ask for no format. `begin_sending` is called
    before an original or a large picture is sent, and raises to refuse it; what it returns is
    called when it was sent.
    """

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "GET", "HEAD")
        # PEP 3333: the path's bytes, percent-decoded once by the server, as latin-1.
        address = Address.parse(os.fsdecode(request.environ["PATH_INFO"].encode("latin-1")))
        if address.is_original:
            return _original(images, request, address, begin_sending)
        return picture(request, address)

    def picture(request: Request, address: Address) -> Response:
        accepted = preview_format(request, avif=avif)
        preview = images.sized.find(address, accepted, still=is_still(parameters(request)))
        response = _response(address, preview.media_type, EXTENSIONS[preview.media_type])
        response.etag = preview.tag
        response.last_modified = datetime.fromtimestamp(preview.modified_ns / 1e9, tz=UTC)
        if not address.extension:
            response.vary = ["Accept"]
        return show(
            request,
            response,
            preview,
            caching=lambda: _KEEP_FOR_EVER,
            read_again=images.sized.read_again,
            begin_sending=begin_sending,
        )

    return sent_by_the_server(endpoint)


def _original(
    images: Images,
    request: Request,
    address: Address,
    begin_sending: Callable[[], Callable[[], None]],
) -> Response:
    images.sizes.check(address)
    record, stored, file = images.originals.open(address.image)
    response = _response(address, record.media_type, picture_extension(record.media_type))
    response.headers["Cache-Control"] = _KEEP_FOR_EVER
    response.etag = address.image
    response.last_modified = stored.stored_at
    try:
        when_sent = begin_sending() if request.method == "GET" else lambda: None
    except BaseException:
        file.close()
        raise
    return with_ranges(request, response, file, stored.size, when_sent=when_sent)


def _response(address: Address, media_type: str, extension: str) -> Response:
    response = Response()
    # The name in the URL is anybody's; what it ends in is ours.
    stem = safe_name(address.name or address.image)
    name = safe_name(f"{stem}.{extension}") if extension else stem
    protect(response, media_type=media_type, name=name, indexed=True)
    return response
