"""
Which pages of other origins may use an endpoint (the Fetch standard, "CORS protocol").

Nothing here needs a cookie, so none is ever allowed: credentials are never mentioned.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from uploadsvc.errors import BadSettings

_ORIGIN = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)

_METHODS = "POST, GET, HEAD, PATCH, DELETE, OPTIONS"
_ALLOWED = ", ".join(
    (
        "Accept",
        "Authorization",
        "Content-Type",
        "Expires",
        "Tus-Resumable",
        "Upload-Checksum",
        "Upload-Concat",
        "Upload-Defer-Length",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Offset",
        "X-HTTP-Method-Override",
        "X-Progress-ID",
        "X-Request-ID",
        "X-Requested-With",
    )
)
_EXPOSED = ", ".join(
    (
        "Content-Location",
        "Location",
        "Retry-After",
        "Tus-Checksum-Algorithm",
        "Tus-Extension",
        "Tus-Max-Size",
        "Tus-Resumable",
        "Tus-Version",
        "Upload-Concat",
        "Upload-Defer-Length",
        "Upload-Expires",
        "Upload-Length",
        "Upload-Metadata",
        "Upload-Offset",
        "X-Request-Id",
    )
)
_REMEMBERED = "86400"
"""Seconds for which a browser need not ask again."""

Headers = list[tuple[str, str]]


def cross_origin(app: WSGIApplication, *, origins: Sequence[str]) -> WSGIApplication:
    """
    Wrap an application so that pages of these origins may use it: `https://host`, or `*`.

    Raise `BadSettings` for what is no origin. Without origins it stays as it is.
    """
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise BadSettings("cors_origins must be like `https://host` or `https://host:port`")
    if not origins:
        return app

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = _headers(environ.get("HTTP_ORIGIN", ""), origins)
        if _asks_beforehand(environ):
            permits = [
                ("Access-Control-Allow-Methods", _METHODS),
                ("Access-Control-Allow-Headers", _ALLOWED),
                ("Access-Control-Max-Age", _REMEMBERED),
            ]
            start_response("204 No Content", headers + permits)
            return []

        def start(status: str, sent: Headers, *exc_info: Any) -> Any:
            exposed = [("Access-Control-Expose-Headers", _EXPOSED)]
            return start_response(status, sent + headers + exposed, *exc_info)

        return app(environ, start)

    return answer


def _asks_beforehand(environ: WSGIEnvironment) -> bool:
    return (
        environ["REQUEST_METHOD"] == "OPTIONS"
        and "HTTP_ORIGIN" in environ
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    )


def _headers(origin: str, origins: Sequence[str]) -> Headers:
    if "*" in origins:
        return [("Access-Control-Allow-Origin", "*")]
    # A cache must not give one origin the answer of another.
    vary = [("Vary", "Origin")]
    return [*vary, ("Access-Control-Allow-Origin", origin)] if origin in origins else vary
