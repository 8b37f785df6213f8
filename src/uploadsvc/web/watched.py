"""
The upload middleware: takes single-file uploads off the hands of any WSGI application.

It acts on requests whose path ends in `/upload` or `/upload/status` and whose query has
`X-Progress-ID`. All others reach the application as they came; the application's errors are
its own. The names it puts into the environ are `uploadsvc.manager` and `uploadsvc.upload`,
and those of older installations.
"""

import io
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request, Response

from uploadsvc.errors import BadInput
from uploadsvc.tracking import TrackedUpload, TrackedUploads
from uploadsvc.uploads import Received
from uploadsvc.web.errors import accepts_json, answer_errors
from uploadsvc.web.jsonp import check_callback, told
from uploadsvc.web.linger import lingering
from uploadsvc.web.query import one, parameters
from uploadsvc.web.taking import Store, Taking

_IDENTIFIER = "X-Progress-ID"
_MANAGER = ("uploadsvc.manager", "infrae.fileupload.manager")
_ERROR = "uploadsvc.middleware_error"
_UPLOAD = ("uploadsvc.upload", "infrae.fileupload.current")

Deed = Literal["upload", "status", "clear"]


class Respond(Protocol):
    """Answers a client that asks for JSON, where uploads are stored."""

    def __call__(self, received: Received, *, requested: str) -> Response: ...


def upload_middleware(
    app: WSGIApplication,
    uploads: TrackedUploads,
    *,
    max_request: int | None = None,
    max_file: int | None = None,
    store: Store | None = None,
    respond: Respond | None = None,
    may_upload: Callable[[str], None] = lambda address: None,
    place: Callable[[], AbstractContextManager[None]] = nullcontext,
    listeners: int = 16,
) -> WSGIApplication:
    """
    Wrap an application. `max_request` and `max_file` are in bytes; None for no limit.

    Each upload is taken and the application called then, with the upload's status in JSON for
    its body. With `store` the upload becomes a stored file, and `respond` answers in the
    application's place those who name JSON in `Accept`.

    `place` is entered for as long as an upload comes, and `may_upload` called with the client's
    address, before anything is read; each raises to refuse it. Under gunicorn as many as
    `listeners` clients that were refused and still send are listened to at once.
    """
    taking = Taking(uploads, max_request=max_request, max_file=max_file, store=store)
    deeds = _Deeds(uploads, taking, respond, may_upload, place)
    refuse = answer_errors(_raise)
    if listeners:
        refuse = lingering(refuse, at_once=listeners)

    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.update(dict.fromkeys(_MANAGER, uploads))
        deed = None if uploads.upload_url else _deed(environ)
        if deed is None:
            return app(environ, start_response)
        try:
            answer = deeds.do(deed, Request(environ))
        except Exception as error:
            environ[_ERROR] = error
            return refuse(environ, start_response)
        return (answer or app)(environ, start_response)

    return middleware


@dataclass(frozen=True)
class _Deeds:
    uploads: TrackedUploads
    taking: Taking
    respond: Respond | None
    may_upload: Callable[[str], None]
    place: Callable[[], AbstractContextManager[None]]

    def do(self, deed: Deed, request: Request) -> Response | None:
        """Return the answer; None when the application is to give it."""
        upload = _upload(self.uploads, request)
        if deed == "upload":
            return self._take(request, upload)
        callback = one("callback", parameters(request))
        if callback is not None:
            check_callback(callback)
        if deed == "status":
            return told(upload.get_status(), callback=callback)
        upload.clear_upload()
        return told({"success": True}, callback=callback)

    def _take(self, request: Request, upload: TrackedUpload) -> Response | None:
        with self.place():
            self.may_upload(request.environ.get("REMOTE_ADDR", ""))
            received = self.taking.take(request, upload.identifier)
        if received is not None and self.respond is not None and accepts_json(request):
            return self.respond(received, requested=request.host_url)
        _hand_over(upload, request.environ)
        return None


def _raise(environ: WSGIEnvironment, start_response: StartResponse) -> NoReturn:
    """Raise what went wrong with an upload, for the one who answers errors."""
    raise environ.pop(_ERROR)


def _deed(environ: WSGIEnvironment) -> Deed | None:
    """Return what a request asks the middleware for; None when it is the application's."""
    # The whole path: the middleware may itself be mounted at `/upload`.
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if not path.endswith(("/upload", "/upload/status")):
        return None
    query, method = _query(environ), environ["REQUEST_METHOD"]
    if _IDENTIFIER not in query:
        return None
    if path.endswith("/status"):
        return "status" if method == "GET" else None
    if "clear" in query and method in ("GET", "POST"):
        return "clear"
    if method == "POST":
        return "upload"
    return "status" if "status" in query and method == "GET" else None


def _upload(uploads: TrackedUploads, request: Request) -> TrackedUpload:
    given = _query(request.environ)[_IDENTIFIER]
    identifier = given.pop()
    if given or not uploads.verify_identifier(identifier):
        raise BadInput("this is not an upload identifier that counts here")
    return uploads.upload(identifier)


def _query(environ: WSGIEnvironment) -> dict[str, set[str]]:
    """Return the parameters; those that are malformed stay so, and match nothing of ours."""
    found: dict[str, set[str]] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True):
        found.setdefault(name, set()).add(value)
    return found


def _hand_over(upload: TrackedUpload, environ: WSGIEnvironment) -> None:
    """Put the upload in the place of the body that was taken."""
    body = json.dumps(upload.get_status()).encode()
    environ.update(dict.fromkeys(_UPLOAD, upload))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_TYPE"] = "application/json"
    environ["CONTENT_LENGTH"] = str(len(body))
    # It came in chunks, and does so no more.
    environ.pop("HTTP_TRANSFER_ENCODING", None)
