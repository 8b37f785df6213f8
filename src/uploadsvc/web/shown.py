"""
Sends a preview that was found: small ones at once, large ones as downloads.
"""

import io
from collections.abc import Callable

from webob import Request, Response

from uploadsvc import again
from uploadsvc.previews import Preview
from uploadsvc.web.ranges import with_ranges

_LARGE = 1 << 16
"""Bytes. What is smaller a client takes at once, or nearly so."""


def show(
    request: Request,
    response: Response,
    preview: Preview,
    *,
    caching: Callable[[], str],
    read_again: Callable[[Preview], bytes | None],
    begin_sending: Callable[[], Callable[[], None]],
) -> Response:
    """
    Return the response, which has its headers, with the preview as its body.

    `caching` says what its Cache-Control is at the moment, and `read_again` gives the bytes
    once more. `begin_sending` is called before a large preview is sent, and raises to refuse
    it; what it returns is called when it was sent.
    """
    response.headers["Cache-Control"] = caching()
    if request.method != "GET":
        return with_ranges(request, response, preview.file, preview.size)
    if preview.size > _LARGE:
        try:
            when_sent = begin_sending()
        except BaseException:
            preview.file.close()
            raise
        return with_ranges(request, response, preview.file, preview.size, when_sent=when_sent)
    request.environ[again.KEY] = _again(response, preview, caching, read_again)
    with preview.file as file:
        body = io.BytesIO(file.read())
    return with_ranges(request, response, body, preview.size)


def _again(
    response: Response,
    preview: Preview,
    caching: Callable[[], str],
    read_again: Callable[[Preview], bytes | None],
) -> again.Again:
    """Return what gives the same answer anew, with the bytes that are there by then."""
    changing = {"Content-Length", "Cache-Control", "Accept-Ranges"}
    lasting = [(name, value) for name, value in response.headerlist if name not in changing]
    lasting += [("Accept-Ranges", "bytes"), ("Content-Length", str(preview.size))]

    def answer() -> again.Answer | None:
        body = read_again(preview)
        if body is None:
            return None
        return again.Answer([*lasting, ("Cache-Control", caching())], body)

    return answer
