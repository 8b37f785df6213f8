"""
Stored files that the server in front sends: it is told where each is, by a header.

Only plain requests for large files are handed over. Whatever takes judgement (conditions,
odd ranges, a HEAD) or cannot be said in the header is answered here, so that all servers in
front behave alike.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from webob import Request

from uploadsvc.errors import BadSettings
from uploadsvc.storage import HasPaths, Key, Storage

SendFiles = Literal["python", "x-sendfile", "x-accel-redirect"]

INTERNAL_PATH = "/.uploadsvc-files"
"""Where nginx has the stored files, for itself alone. No `storage_path` can begin so."""

_SMALLEST = 1 << 16
"""Bytes; what is smaller is sent sooner than it is handed over."""

# Some releases of mod_xsendfile decode the path and some do not: what is the same both ways
# is handed over. A space or a control character at its end would be lost on the way.
_PLAIN_PATH = re.compile(rb"[ -$&-~\x80-\xff]*[!-$&-~\x80-\xff]")
_PLAIN_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})", re.ASCII)
_CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")

Headers = list[tuple[str, str]]


def handover(storage: Storage, send_files: SendFiles) -> Callable[[Key], Headers | None]:
    """
    Return what gives the headers for a stored file, or None where the service must send it.

    Raise `BadSettings` for a storage whose files nobody else can read.
    """
    if send_files == "python":
        return lambda key: None
    if not isinstance(storage, HasPaths):
        raise BadSettings(f"send_files: {send_files} needs files that the server in front can read")
    if send_files == "x-accel-redirect":
        return _to_nginx
    return lambda key: _to_apache(storage.path(key))


def _to_nginx(key: Key) -> Headers:
    name = quote(os.fsencode(key.name))
    return [("X-Accel-Redirect", f"{INTERNAL_PATH}/{key.folder}/{name}")]


def _to_apache(path: Path) -> Headers | None:
    told = os.fsencode(path.absolute())
    if not _PLAIN_PATH.fullmatch(told):
        return None
    # PEP 3333: a header's bytes, as latin-1. nginx says by itself that it gives ranges,
    # mod_xsendfile does not.
    return [("X-Sendfile", told.decode("latin-1")), ("Accept-Ranges", "bytes")]


def is_plain(request: Request, *, size: int, tag: str) -> bool:
    """Whether any server sends a file of this size, with this ETag, as the service would."""
    if request.method != "GET" or size < _SMALLEST:
        return False
    if any(name in request.headers for name in _CONDITIONS):
        return False
    if "Range" not in request.headers:
        return True
    if request.headers.get("If-Range", f'"{tag}"') != f'"{tag}"':
        return False
    asked = _PLAIN_RANGE.fullmatch(request.headers["Range"])
    return asked is not None and int(asked[1]) < size and int(asked[1]) <= int(asked[2] or size)
