"""
The life that a request asks for its file: in the query, a form field or the header `Expires`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from webob import Request

from uploadsvc.life import parse_life
from uploadsvc.web.query import one

_NAME = "expires"

_NO_CACHING = ("0", "-1")
"""What the header says in requests of those who mean caches by it (RFC 9111 5.3)."""


def asked_life(
    request: Request, *sources: dict[str, set[str]], now: Callable[[], datetime]
) -> timedelta | None:
    """
    Return the life that is asked for; None where none is. An empty value asks for none.

    `sources` are the query and the fields of the form. Raise `BadInput` for what `parse_life`
    refuses, and for different values in different places.
    """
    header = request.environ.get("HTTP_EXPIRES", "").strip()
    named = {_NAME: {header}} if header and header not in _NO_CACHING else {}
    text = one(_NAME, named, *sources)
    return parse_life(text, now=now()) if text else None
