"""
Resumable uploads, tus 1.0.0 with seven extensions: `/` to begin one, `/ID` for each.

Beyond the protocol, `GET /ID` is the finished file and `GET /ID/info` tells in JSON what
became of the upload. Addresses are told relative to the request, so that they are right
behind any proxy.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request, Response

from uploadsvc.errors import Missing, UploadsvcError
from uploadsvc.links import Links
from uploadsvc.storage import Key
from uploadsvc.tus import Standing, Uploads, protocol
from uploadsvc.web.answers import Answers
from uploadsvc.web.errors import MethodNotAllowed, allow, refuse, status_of
from uploadsvc.web.headers import KEPT_NOWHERE, json_answer
from uploadsvc.web.interruptible import InterruptibleBody
from uploadsvc.web.recipient import check_recipient


def tus(
    uploads: Uploads,
    *,
    links: Links,
    answers: Answers,
    serve_file: WSGIApplication,
    may_upload: Callable[[str], None] = lambda address: None,
    place: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> WSGIApplication:
    """
    Return the endpoint. `serve_file` answers for a stored file, by `/FOLDER/NAME`.

    `place` is entered for as long as bytes come, and `may_upload` called with the client's
    address before an upload begins; each raises to refuse it.
    """
    endpoint = _Endpoint(uploads, links, answers, may_upload, place)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        without_body = request.method == "HEAD"
        try:
            response = endpoint.answer(request)
        except UploadsvcError as error:
            if status_of(type(error)) == 500:
                raise
            response = _refusal(request, error)
        if isinstance(response, Key):
            path = f"/{response.folder}/{response.name}"
            environ["PATH_INFO"] = path.encode("utf-8", "surrogateescape").decode("latin-1")
            return serve_file(environ, start_response)
        response.headers.setdefault("Tus-Resumable", protocol.VERSION)
        # Not by WebOb, which would make the relative Location absolute.
        start_response(response.status, response.headerlist)
        return [] if without_body else response.app_iter

    return answer


@dataclass(frozen=True)
class _Endpoint:
    uploads: Uploads
    links: Links
    answers: Answers
    may_upload: Callable[[str], None]
    place: Callable[[], AbstractContextManager[None]]

    def answer(self, request: Request) -> Response | Key:
        method = protocol.method_of(request.method, request.headers)
        if request.method != "HEAD":
            # Whoever serves the file goes by it too.
            request.environ["REQUEST_METHOD"] = method
        if method == "OPTIONS":
            return _empty(204, protocol.announcement(max_size=self.uploads.max_size))
        id, _, rest = request.environ.get("PATH_INFO", "").removeprefix("/").partition("/")
        if rest == "info":
            allow(request, "GET", "HEAD")
            return self.info(request, id)
        if rest:
            raise Missing("there is nothing here")
        if method == "GET" and id:
            return self.file(id)
        if method != "GET":
            protocol.check_version(request.headers)
        deeds: dict[str, Callable[[Request, str], Response]] = (
            {"HEAD": self.tell, "PATCH": self.append, "DELETE": self.remove}
            if id
            else {"POST": self.create}
        )
        if method not in deeds:
            raise MethodNotAllowed("OPTIONS", *deeds, *(["GET"] if id else []))
        return deeds[method](request, id)

    def create(self, request: Request, _: str) -> Response:
        self.may_upload(request.environ.get("REMOTE_ADDR", ""))
        headers, incoming = request.headers, _incoming(request)
        creation = protocol.read_creation(headers, max_size=self.uploads.max_size)
        check_recipient(creation.metadata.text("to") or "")
        if not creation.parts and not protocol.has_bytes(headers, incoming=incoming):
            standing = self.uploads.create(creation)
        else:
            with self.place():
                standing = self._create_with_bytes(request, creation, incoming)
        response = self._told(request, standing, 201)
        response.headers["Location"] = _relative(request, standing.id)
        return response

    def _create_with_bytes(
        self, request: Request, creation: protocol.Creation, incoming: int | None
    ) -> Standing:
        if creation.parts:
            return self.uploads.create(creation)
        begun = protocol.Upload(0, creation.length)
        allowed = protocol.first_append(
            begun, request.headers, incoming=incoming, max_size=self.uploads.max_size
        )
        body = InterruptibleBody(request)
        is_all = incoming is not None and incoming == creation.length
        if is_all and not creation.is_partial and allowed.checksum is None:
            return self.uploads.create_whole(creation, body.pieces(), hashed=True)
        standing = self.uploads.create(creation)
        with self.uploads.held(standing.id, let_go=body.interrupt) as upload:
            return upload.append(body.pieces(), allowed)

    def tell(self, request: Request, id: str) -> Response:
        with self.uploads.held(id) as upload:
            standing = upload.standing
        response = self._told(request, standing, 200)
        response.headers.update(protocol.description(standing.upload).items())
        return response

    def append(self, request: Request, id: str) -> Response:
        body = InterruptibleBody(request)
        with self.place(), self.uploads.held(id, let_go=body.interrupt) as upload:
            allowed = protocol.check_append(
                upload.upload,
                request.headers,
                incoming=_incoming(request),
                max_size=self.uploads.max_size,
            )
            standing = upload.append(body.pieces(at=upload.upload.offset), allowed)
        return self._told(request, standing, 204)

    def remove(self, request: Request, id: str) -> Response:
        with self.uploads.held(id, to_remove=True) as upload:
            upload.remove()
        return _empty(204, {})

    def file(self, id: str) -> Key:
        key = self.uploads.find(id).key
        if key is None:
            raise Missing("the upload is not finished")
        return key

    def info(self, request: Request, id: str) -> Response:
        standing = self.uploads.find(id)
        if standing.key is None:
            upload = standing.upload
            told: dict[str, Any] = {
                "complete": upload.is_whole,
                "offset": upload.offset,
                "size": upload.length,
                "expires": f"{standing.expires:%Y-%m-%dT%H:%M:%SZ}",
            }
        else:
            received = self.uploads.received(id)
            told = {"complete": True, "offset": received.stored.size} | self.answers.describe(
                received, requested=request.host_url
            )
        return json_answer(told)

    def _told(self, request: Request, standing: Standing, status: int) -> Response:
        headers = {
            "Upload-Offset": str(standing.upload.offset),
            "Upload-Expires": _http_date(int(standing.expires.timestamp())),
        }
        if standing.key is not None:
            link = self.links.link(standing.key, requested=request.host_url)
            headers["Content-Location"] = link
        return _empty(status, headers)


def _refusal(request: Request, error: UploadsvcError) -> Response:
    response = refuse(request, error)
    if isinstance(error, protocol.OffsetMismatch):
        response.headers["Upload-Offset"] = str(error.offset)
    if isinstance(error, protocol.UnsupportedVersion):
        response.headers["Tus-Version"] = protocol.VERSION
    return response


def _empty(status: int, headers: dict[str, str]) -> Response:
    # There is nothing that could have a type; RFC 9110 8.6 wants no length at 204.
    length = [] if status == 204 else [("Content-Length", "0")]
    told = [*length, *KEPT_NOWHERE, *headers.items()]
    return Response(status=_status_line(status), headerlist=told, app_iter=[])


@lru_cache
def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


# Uploads come in rows, and those of a second end in the same one.
@lru_cache(maxsize=16)
def _http_date(second: int) -> str:
    """Return a second since 1970 as a header tells it (RFC 9110 5.6.7)."""
    return formatdate(second, usegmt=True)


def _incoming(request: Request) -> int | None:
    """Return how many bytes the body has; None where it comes in chunks."""
    if request.content_length is None and "HTTP_TRANSFER_ENCODING" in request.environ:
        return None
    return request.content_length or 0


def _relative(request: Request, id: str) -> str:
    """Return the address of an upload as it is seen from that of the request (RFC 3986 5.2)."""
    if request.environ.get("PATH_INFO"):
        return id
    last = request.environ.get("SCRIPT_NAME", "").rpartition("/")[2]
    return f"{last}/{id}"
