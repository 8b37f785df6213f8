"""
The headers that files and previews are served with (contract 8: shown only when harmless).
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Response

from uploadsvc.mediatypes import is_media

_POLICY = "default-src 'none'; frame-ancestors 'none'"
KEPT_NOWHERE = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
"""The headers of an answer of which nobody is to keep a copy."""


def protect(response: Response, *, media_type: str, name: str, indexed: bool = False) -> None:
    """
    Set the type and all that keeps a stored file from doing harm in a browser.

    What is `indexed` may be found by search engines.
    """
    media = is_media(media_type)
    response.content_type = media_type
    response.charset = "utf-8" if media_type == "text/plain" else None
    inline = media or media_type == "text/plain"
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = _POLICY if media else f"{_POLICY}; sandbox"
    headers["Content-Disposition"] = disposition(name, inline=inline)
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    headers["Referrer-Policy"] = "no-referrer"
    if not indexed:
        headers["X-Robots-Tag"] = "noindex"


def disposition(name: str, *, inline: bool) -> str:
    """
    Return a Content-Disposition with the name (RFC 6266, `filename*` as in RFC 8187).

    Old clients read the first form, in which what ASCII lacks is an underscore.
    """
    plain = "".join(
        character if " " <= character <= "~" and character not in '"\\%' else "_"
        for character in name
    )
    encoded = quote(name.encode("utf-8", "surrogateescape"), safe="!#$&+-.^_`|~")
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def cache_until(response: Response, expires: datetime, *, now: datetime) -> None:
    """Let clients, and nobody on the way, keep the answer for as long as the file lives."""
    response.headers["Cache-Control"] = cache_control(expires, now=now)


def cache_control(expires: datetime, *, now: datetime) -> str:
    """Return the Cache-Control of what lives until then."""
    left = max(0, (expires - now) // timedelta(seconds=1))
    return f"private, max-age={left}"


def keep_nowhere(response: Response) -> Response:
    """Return the answer, of which nobody is to keep a copy."""
    response.headers.update(KEPT_NOWHERE)
    return response


def short_answer(body: bytes, *, content_type: str) -> WSGIApplication:
    """Return an answer, of which nobody is to keep a copy, at a tenth of a `Response`'s price."""
    length = str(len(body))
    headers = [("Content-Type", content_type), ("Content-Length", length), *KEPT_NOWHERE]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return [body]

    return answer


def json_answer(told: dict[str, Any], *, status: int = 200) -> Response:
    """Return an answer in JSON, of which nobody is to keep a copy."""
    body = json.dumps(told).encode()
    return keep_nowhere(Response(status=status, body=body, content_type="application/json"))
