"""
The upload middleware for Paste: what an ini file says becomes a filter or an application.

All settings are strings: `directory`, shared by all processes and hosts of one URL;
`max_size`, mebibytes of a whole request; `upload_url`, where uploads are made instead;
`upload_key`, secrets that sign identifiers, with spaces or commas between them. Nothing of
Paste is imported.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from wsgiref.types import WSGIApplication

from uploadsvc.errors import BadSettings
from uploadsvc.signing import check_key
from uploadsvc.tracking import TrackedUploads
from uploadsvc.web.uploaded import uploaded
from uploadsvc.web.watched import upload_middleware

_MIB = 1 << 20


def make_filter(
    global_conf: Mapping[str, str], **settings: str
) -> Callable[[WSGIApplication], WSGIApplication]:
    """`paste.filter_factory`: return what wraps an application in the middleware."""
    directory, max_size, upload_url, upload_key = _known(settings)
    uploads = TrackedUploads(
        _directory(directory), keys=_keys(upload_key), upload_url=_upload_url(upload_url)
    )
    limit = _max_size(max_size)
    return lambda app: upload_middleware(app, uploads, max_request=limit)


def make_filtered_app(
    app: WSGIApplication, global_conf: Mapping[str, str], **settings: str
) -> WSGIApplication:
    """`paste.filter_app_factory`: return an application in the middleware."""
    return make_filter(global_conf, **settings)(app)


def make_app(global_conf: Mapping[str, str], **settings: str) -> WSGIApplication:
    """`paste.app_factory`: return the application for a dedicated upload server."""
    return make_filter(global_conf, **settings)(uploaded())


def _known(settings: dict[str, str]) -> list[str | None]:
    names = ("directory", "max_size", "upload_url", "upload_key")
    for name in settings:
        if name not in names:
            raise BadSettings(f"{name}: there is no such setting; there are {', '.join(names)}")
    return [settings.get(name) for name in names]


def _directory(text: str | None) -> Path:
    if not text or not text.strip():
        raise BadSettings("directory: name the folder that uploads are kept in")
    path = Path(text.strip())
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise BadSettings(f"directory {path}: {error.strerror}") from error
    return path


def _max_size(text: str | None) -> int | None:
    text = (text or "").strip().lower()
    if text in ("", "none"):
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadSettings("max_size: must be mebibytes as a whole number, 0 for no limit")
    return int(text) * _MIB or None


def _upload_url(text: str | None) -> str | None:
    if not text or not text.strip():
        return None
    url = text.strip().rstrip("/")
    if not re.fullmatch(r"(https?://[A-Za-z0-9._:\[\]-]+)?(/[^\s?#\"'<>\\]*)?", url):
        raise BadSettings("upload_url: must be an address or a path, without ? and #")
    return url if url.endswith("/upload") else f"{url}/upload"


def _keys(text: str | None) -> list[str]:
    if text is None:
        return []
    # One that is empty is refused, not taken for none.
    keys = re.split(r"[\s,]+", text.strip(" \t\r\n,"))
    for key in keys:
        check_key(key, setting="upload_key")
    return keys
