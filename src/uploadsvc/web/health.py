"""
`GET /healthz`: says that the process is up.
"""

from typing import TYPE_CHECKING

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.web.errors import allow

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def health() -> "WSGIApplication":
    """Return the endpoint."""

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "GET", "HEAD")
        response = Response(body=b"ok\n", content_type="text/plain", charset="utf-8")
        response.headers["Cache-Control"] = "no-store"
        return response

    return endpoint
