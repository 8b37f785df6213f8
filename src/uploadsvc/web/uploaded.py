"""
The application for a dedicated upload server: says in a page of one line what was uploaded.

The page comes into a hidden frame, whose script reads the two attributes.
"""

import html
import json
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.errors import Missing
from uploadsvc.tracking import TrackedUpload
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.headers import keep_nowhere


def uploaded() -> WSGIApplication:
    """Return the application; it answers uploads alone, when the middleware has taken them."""

    @wsgify
    def endpoint(request: Request) -> Response:
        upload: TrackedUpload | None = request.environ.get("uploadsvc.upload")
        if upload is None:
            raise Missing("nothing was uploaded")
        identifier = html.escape(upload.identifier)
        facts = html.escape(json.dumps(upload.get_status()))
        page = (
            f'<html><body data-upload-identifier="{identifier}" '
            f'data-upload-info="{facts}"></body></html>'
        )
        response = Response(body=page.encode(), content_type="text/html", charset="utf-8")
        response.headers["Content-Security-Policy"] = "default-src 'none'"
        return keep_nowhere(response)

    return answer_errors(endpoint)
