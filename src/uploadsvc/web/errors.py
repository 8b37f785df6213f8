"""
Which status each family of errors becomes, and how an error is told to a client.

A client that names JSON in `Accept`, or speaks it, gets `application/problem+json`
(RFC 9457) with the stable `code`; any other gets one plain sentence. What we did not
foresee is logged with its traceback and answered with a sentence that says nothing.
"""

import http
import json
import logging
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request, Response

from uploadsvc import errors
from uploadsvc.observe import request_id
from uploadsvc.tus import checksum, holding, protocol
from uploadsvc.web.accept import accepted, spoken
from uploadsvc.web.headers import keep_nowhere

log = logging.getLogger(__name__)


class MethodNotAllowed(errors.UploadsvcError):
    code = "method-not-allowed"

    def __init__(self, *allowed: str) -> None:
        super().__init__(f"use {' or '.join(allowed)} here")
        self.allowed = allowed


class LengthRequired(errors.BadInput):
    code = "length-required"


class Stalled(errors.BrokenOff):
    code = "stalled"


class PreconditionFailed(errors.UploadsvcError):
    code = "precondition-failed"


class BadRange(errors.UploadsvcError):
    code = "bad-range"

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes, none of them in that range")
        self.size = size


STATUS: dict[type[errors.UploadsvcError], int] = {
    errors.BadInput: 400,
    errors.NotAllowed: 403,
    errors.Missing: 404,
    MethodNotAllowed: 405,
    Stalled: 408,
    errors.Conflict: 409,
    errors.Gone: 410,
    LengthRequired: 411,
    PreconditionFailed: 412,
    protocol.UnsupportedVersion: 412,
    errors.TooLarge: 413,
    errors.Unsupported: 415,
    protocol.WrongType: 415,
    BadRange: 416,
    errors.LimitExceeded: 422,
    errors.Undecodable: 422,
    holding.Locked: 423,
    errors.TooMany: 429,
    checksum.ChecksumMismatch: 460,
    errors.UploadsvcError: 500,
    errors.SourceFailed: 502,
    errors.Unavailable: 503,
    errors.SourceTooSlow: 504,
    errors.NoRoom: 507,
}


def status_of(kind: type[BaseException]) -> int:
    """Return the status of the nearest mapped ancestor."""
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)


def answer_errors(app: WSGIApplication) -> WSGIApplication:
    """Wrap an application so that what it raises becomes an answer."""

    def answering(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except errors.UploadsvcError as error:
            refusal = refuse(Request(environ), error)
            if refusal.status_code == 500:
                log.exception("%s: %s", request_id(environ), error.code)
        except Exception:
            log.exception("%s: unexpected error", request_id(environ))
            refusal = refuse(Request(environ), errors.UploadsvcError("something went wrong here"))
        return refusal(environ, start_response)

    return answering


def refuse(request: Request, error: errors.UploadsvcError) -> Response:
    """Return the answer that tells a client of an error."""
    status = status_of(type(error))
    request.environ["uploadsvc.error"] = error.code  # for the line in the log
    if speaks_json(request):
        problem = {
            "type": "about:blank",
            "title": _phrase(status),
            "status": status,
            "detail": str(error),
            "code": error.code,
        }
        body, kind = json.dumps(problem), "application/problem+json"
    else:
        body, kind = f"{error}\n", "text/plain"
    told = f"{status} {_phrase(status)}"
    response = Response(status=told, body=body.encode(), content_type=kind)
    if kind == "text/plain":
        response.charset = "utf-8"
    keep_nowhere(response)
    # By this id a complaint is found in the log.
    response.headers["X-Request-Id"] = request_id(request.environ)
    if isinstance(error, (errors.TooMany, errors.Unavailable)):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, BadRange):
        response.headers["Content-Range"] = f"bytes */{error.size}"
    return response


def _phrase(status: int) -> str:
    # The one that is not HTTP's own (tus, Checksum).
    return "Checksum Mismatch" if status == 460 else http.HTTPStatus(status).phrase


def accepts_json(request: Request) -> bool:
    """Whether the client names `application/json` in `Accept`, among others too."""
    return "application/json" in accepted(request)


def speaks_json(request: Request) -> bool:
    """Whether the client would rather be told of an error in JSON."""
    kinds = accepted(request) | {spoken(request)}
    return bool(kinds & {"application/json", "application/problem+json"})


def allow(request: Request, *methods: str) -> None:
    """Raise `MethodNotAllowed` unless the request's method is one of these."""
    if request.method not in methods:
        raise MethodNotAllowed(*methods)
