"""
`POST /sendfile`: takes a file from a chat client and tells it the link to send on.

The old clients get JavaScript that they run, to the byte as it always was; clients that
name JSON in `Accept` get JSON.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request

from uploadsvc.errors import BadInput
from uploadsvc.links import Links
from uploadsvc.storage import Storage
from uploadsvc.uploads import receive
from uploadsvc.web.answers import Answers
from uploadsvc.web.errors import accepts_json, allow
from uploadsvc.web.expires import asked_life
from uploadsvc.web.forms import FileForm
from uploadsvc.web.headers import short_answer
from uploadsvc.web.query import one, parameters
from uploadsvc.web.recipient import check_recipient

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "\\'\"<>&\u2028\u2029"}


def sendfile(
    storage: Storage,
    *,
    links: Links,
    max_upload: int,
    keep: timedelta,
    answers: Answers | None = None,
    may_upload: Callable[[str], None] = lambda address: None,
    place: Callable[[], AbstractContextManager[None]] = nullcontext,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WSGIApplication:
    """
    Return the endpoint. `max_upload` is in bytes; `answers` tells clients what they get in
    JSON, by default what the links alone can tell.

    `place` is entered for as long as an upload lasts, and `may_upload` called with the
    client's address, before anything is read; each raises to refuse it.
    """
    sending = _Sending(storage, links, answers or Answers(links), max_upload, keep, now)

    def endpoint(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        allow(request, "POST")
        with place():
            may_upload(environ.get("REMOTE_ADDR", ""))
            answer = sending.take(request)
        return answer(environ, start_response)

    return endpoint


@dataclass(frozen=True)
class _Sending:
    storage: Storage
    links: Links
    answers: Answers
    max_upload: int
    keep: timedelta
    now: Callable[[], datetime]

    def take(self, request: Request) -> WSGIApplication:
        """Keep the file of the form; return the answer."""
        form = FileForm(request, field="file1", limit=self.max_upload)
        query = parameters(request)
        # Before anything is read, as far as it is known by then.
        asked_life(request, query, now=self.now)
        sent_name = form.open()
        recipient: str | None = None

        def checked() -> Iterator[bytes]:
            nonlocal recipient
            # Nothing is kept of a file whose form turns out to be wrong after it.
            yield from form.chunks()
            recipient = _recipient(request, query, form.fields)

        received = receive(
            self.storage,
            sent_name,
            checked(),
            keep=self.keep,
            expected=form.expected,
            life=lambda: asked_life(request, query, form.fields, now=self.now),
            hashed=accepts_json(request),
        )
        if accepts_json(request):
            return self.answers.respond(received, requested=request.host_url)
        link = self.links.link(received.stored.key, requested=request.host_url)
        return _script_answer(link, recipient or "", tagged=_is_pc(query, form.fields))


def _recipient(
    request: Request, query: dict[str, set[str]], fields: dict[str, set[str]]
) -> str | None:
    to = one("to", query, fields)
    if to is None and accepts_json(request):
        return None
    if not to:
        raise BadInput("to is missing: it names the contact that the file is for")
    check_recipient(to)
    return to


def _is_pc(query: dict[str, set[str]], fields: dict[str, set[str]]) -> bool:
    """Whether the client is a browser's hidden frame; anything else is the phone."""
    return "pc" in query.get("device", fields.get("device", set()))


def _script_answer(link: str, recipient: str, *, tagged: bool) -> WSGIApplication:
    script = (
        "top.Ext.dispatch({controller:'Chat', action: 'upload_result', "
        f"args : ['{script_string(link)}', '{script_string(recipient)}']}});"
    )
    if tagged:
        script = f"<script type='text/javascript'>{script}</script>"
    return short_answer(script.encode(), content_type="text/html; charset=utf-8")


def script_string(text: str) -> str:
    """
    Return the text as it stands between single quotes in a script in a page.

    What could end the string, the script or the page around it is written as `\\uXXXX`.
    """
    return text.translate(_ESCAPES)
