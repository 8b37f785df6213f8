"""
`POST /sendfile`: takes a file from a chat client and tells it the link to send on.

The old clients get JavaScript that they run, to the byte as it always was; clients that
name JSON in `Accept` get JSON.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.errors import BadInput
from uploadsvc.links import Links
from uploadsvc.storage import Storage
from uploadsvc.uploads import Received, receive
from uploadsvc.web.errors import accepts_json, allow
from uploadsvc.web.forms import FileForm
from uploadsvc.web.headers import keep_nowhere
from uploadsvc.web.query import one, parameters

_MAX_JID_BYTES = 3071  # RFC 7622 3.1: three parts of 1023 bytes, and two separators


def sendfile(
    storage: Storage,
    *,
    links: Links,
    max_upload: int,
    keep: timedelta,
    may_upload: Callable[[str], None] = lambda address: None,
    place: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> WSGIApplication:
    """
    Return the endpoint. `max_upload` is in bytes.

    `place` is entered for as long as an upload lasts, and `may_upload` called with the
    client's address, before anything is read; each raises to refuse it.
    """

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "POST")
        with place():
            may_upload(request.environ.get("REMOTE_ADDR", ""))
            return take(request)

    def take(request: Request) -> Response:
        form = FileForm(request, field="file1", limit=max_upload)
        query = parameters(request)
        sent_name = form.open()
        recipient: str | None = None

        def checked() -> Iterator[bytes]:
            nonlocal recipient
            # Nothing is kept of a file whose form turns out to be wrong after it.
            yield from form.chunks()
            recipient = _recipient(request, query, form.fields)

        received = receive(storage, sent_name, checked(), keep=keep, expected=form.expected)
        link = links.link(received.stored.key, requested=request.host_url)
        if accepts_json(request):
            return _json_answer(received, link)
        return _script_answer(link, recipient or "", tagged=_is_pc(query, form.fields))

    return endpoint


def _recipient(
    request: Request, query: dict[str, set[str]], fields: dict[str, set[str]]
) -> str | None:
    to = one("to", query, fields)
    if to is None and accepts_json(request):
        return None
    if not to:
        raise BadInput("to is missing: it names the contact that the file is for")
    if len(to.encode()) > _MAX_JID_BYTES:
        raise BadInput(f"to is longer than {_MAX_JID_BYTES} bytes")
    if any(character < " " or character == "\x7f" for character in to):
        raise BadInput("to holds a control character")
    return to


def _is_pc(query: dict[str, set[str]], fields: dict[str, set[str]]) -> bool:
    """Whether the client is a browser's hidden frame; anything else is the phone."""
    return "pc" in query.get("device", fields.get("device", set()))


def _script_answer(link: str, recipient: str, *, tagged: bool) -> Response:
    script = (
        "top.Ext.dispatch({controller:'Chat', action: 'upload_result', "
        f"args : ['{script_string(link)}', '{script_string(recipient)}']}});"
    )
    if tagged:
        script = f"<script type='text/javascript'>{script}</script>"
    return keep_nowhere(Response(body=script.encode(), content_type="text/html", charset="utf-8"))


def _json_answer(received: Received, link: str) -> Response:
    stored = received.stored
    answer = {
        "link": link,
        "name": stored.key.name,
        "size": stored.size,
        "type": received.media_type,
        "expires": f"{received.expires:%Y-%m-%dT%H:%M:%SZ}",
    }
    response = Response(
        status=201, body=json.dumps(answer).encode(), content_type="application/json"
    )
    # RFC 9110 10.2.2; set as it is, since WebOb would join a relative one to the request.
    response.headers["Location"] = link
    return keep_nowhere(response)


def script_string(text: str) -> str:
    """
    Return the text as it stands between single quotes in a script in a page.

    What could end the string, the script or the page around it is written as `\\uXXXX`.
    """
    return "".join(
        f"\\u{ord(character):04x}" if character in "\\'\"<>&\u2028\u2029" else character
        for character in text
    )
