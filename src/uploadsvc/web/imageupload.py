"""
`POST /o/`: takes a picture, as a form's file or as the whole body, and tells its ID and URLs.

Whoever sends the same picture again gets the same answer as the first time: who else has
sent it is nobody's business.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.errors import NotAllowed
from uploadsvc.links import Links
from uploadsvc.sized import ORIGINAL, Images, Record, Told
from uploadsvc.web.accept import spoken
from uploadsvc.web.errors import allow
from uploadsvc.web.forms import FileForm
from uploadsvc.web.headers import json_answer
from uploadsvc.web.query import one, parameters
from uploadsvc.web.rawfile import RawFile


def image_upload(
    images: Images,
    *,
    links: Links,
    max_upload: int,
    is_open: bool,
    may_upload: Callable[[str], None] = lambda address: None,
    place: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> WSGIApplication:
    """
    Return the endpoint. `max_upload` is in bytes; unless it `is_open` all are refused.

    `place` is entered for as long as an upload lasts, and `may_upload` called with the
    client's address, before anything is read; each raises to refuse it.
    """

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "POST")
        if not is_open:
            raise NotAllowed("uploads of images are switched off")
        with place():
            may_upload(request.environ.get("REMOTE_ADDR", ""))
            image, record = _save(images, request, max_upload)
        return _answer(images, image, record, base=links.base(request.host_url))

    return endpoint


def _save(images: Images, request: Request, max_upload: int) -> tuple[str, Record]:
    query = parameters(request)
    fields: dict[str, set[str]] = {}
    file_name = ""
    file: FileForm | RawFile
    if spoken(request) == "multipart/form-data":
        file = FileForm(request, field=None, limit=max_upload)
        file_name, fields = file.open(), file.fields
    else:
        file = RawFile(request, limit=max_upload)

    def told() -> Told:
        title = one("title", query, fields) or ""
        return Told(title, file_name=file_name, by_stranger=True)

    return images.originals.save(file.chunks(), told, expected=file.expected)


def _answer(images: Images, image: str, record: Record, *, base: str) -> Response:
    link = base + images.address(image, ORIGINAL).path
    answer = {
        "id": image,
        "link": link,
        "width": record.width,
        "height": record.height,
        "type": record.media_type,
        "size": record.size,
        "sizes": {name: base + images.address(image, name).path for name in images.sizes.named},
    }
    response = json_answer(answer, status=201)
    # RFC 9110 10.2.2; set as it is, since WebOb would join a relative one to the request.
    response.headers["Location"] = link
    return response
