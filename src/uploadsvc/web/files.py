"""
`GET` and `HEAD` of stored files, with ranges and conditional requests (RFC 9110).
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc import mediatypes
from uploadsvc.errors import BadInput, Missing
from uploadsvc.storage import Key, Storage, StoredFile
from uploadsvc.web.errors import allow
from uploadsvc.web.handover import SendFiles, handover, is_plain
from uploadsvc.web.headers import cache_until, protect
from uploadsvc.web.ranges import sent_by_the_server, with_ranges


def files(
    storage: Storage,
    *,
    keep: timedelta,
    send_files: SendFiles = "python",
    begin_sending: Callable[[], Callable[[], None]] = lambda: lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WSGIApplication:
    """
    Return the endpoint: it serves `/FOLDER/NAME` below where it is mounted.

    `begin_sending` is called before the bytes of a file are sent, and raises to refuse it;
    what it returns is called when they were sent. With another `send_files` than "python"
    the server in front sends large files, and they count for nothing here. Raise
    `BadSettings` when the storage cannot be read by it.
    """
    where = handover(storage, send_files)

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "GET", "HEAD")
        stored, file = storage.open(key_of(request))
        head = file.read(mediatypes.HEAD_BYTES)
        file.seek(0)
        response = Response()
        protect(
            response,
            media_type=mediatypes.media_type(head, stored.key.name),
            name=stored.key.name,
        )
        cache_until(response, stored.stored_at + keep, now=now())
        response.etag = _tag(stored)
        response.last_modified = stored.stored_at
        told = is_plain(request, size=stored.size, tag=_tag(stored)) and where(stored.key)
        if told:
            file.close()
            response.headers.extend(told)
            return response
        try:
            when_sent = begin_sending() if request.method == "GET" else lambda: None
        except BaseException:
            file.close()
            raise
        return with_ranges(request, response, file, stored.size, when_sent=when_sent)

    return sent_by_the_server(endpoint)


def key_of(request: Request) -> Key:
    """Return the key that the path names; raise `Missing` for what could never be one."""
    try:
        return Key(*parts_of(request))
    except BadInput as error:
        raise Missing("there is no such file") from error


def parts_of(request: Request) -> tuple[str, str]:
    """Return what the path says before its first slash, and what behind it."""
    # PEP 3333: the path's bytes, percent-decoded once by the server, as latin-1.
    path = os.fsdecode(request.environ.get("PATH_INFO", "").encode("latin-1"))
    folder, _, name = path.removeprefix("/").partition("/")
    return folder, name


def _tag(stored: StoredFile) -> str:
    return f"{stored.stored_ns:x}-{stored.size:x}"
