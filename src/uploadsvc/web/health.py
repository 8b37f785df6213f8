"""
`GET /healthz`: says that the process is up.
"""

from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.web.errors import allow
from uploadsvc.web.headers import keep_nowhere


def health() -> WSGIApplication:
    """Return the endpoint."""

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "GET", "HEAD")
        response = Response(body=b"ok\n", content_type="text/plain", charset="utf-8")
        return keep_nowhere(response)

    return endpoint
