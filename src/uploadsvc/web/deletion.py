"""
`DELETE /FOLDER/NAME?token=…`: takes a file down for whoever was told the token.

Only who uploaded a file knows it. Without it nothing is told, not even whether there is such
a file.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.errors import BadInput
from uploadsvc.storage import Key
from uploadsvc.tokens import Tokens
from uploadsvc.web.errors import allow
from uploadsvc.web.files import key_of, parts_of
from uploadsvc.web.headers import keep_nowhere
from uploadsvc.web.query import one, parameters


def deletion(
    remove: Callable[[Key], object],
    *,
    tokens: Tokens,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WSGIApplication:
    """
    Return the endpoint: it serves `/FOLDER/NAME` below where it is mounted.

    `remove` takes a file down with all that was made of it, and raises `Missing` when there
    is none.
    """

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "DELETE")
        tokens.check(_token(request), *parts_of(request), now=now())
        remove(key_of(request))
        response = Response(status=204)
        return keep_nowhere(response)

    return endpoint


def _token(request: Request) -> str:
    # Whatever is wrong with it, the answer is the same.
    try:
        return one("token", parameters(request)) or ""
    except BadInput:
        return ""
