"""
The log line that gunicorn writes of each request when it has been answered.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from wsgiref.types import WSGIEnvironment

from gunicorn.glogging import Logger

from uploadsvc import observe
from uploadsvc.observe import RequestLine

_NO_CAPITAL = re.compile(r"[^A-Z]")
_KNOWN = frozenset({"/", "/sendfile", "/getpreview", "/healthz"})


def request_logger(storage_path: str) -> Callable[..., Logger]:
    """Return a logger class for gunicorn that writes one line a request, and hides folders."""

    class RequestLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
        # Without the process, which no line of ours tells.
        error_fmt = "%(asctime)s %(levelname)s gunicorn: %(message)s"

        def access(
            self, resp: Any, req: Any, environ: WSGIEnvironment, request_time: timedelta
        ) -> None:
            if environ:
                observe.log_request(self.line(resp, environ, request_time))

        def line(self, resp: Any, environ: WSGIEnvironment, took: timedelta) -> RequestLine:
            """Return what is logged of an answer."""
            return RequestLine(
                id=observe.request_id(environ),
                client=environ.get("REMOTE_ADDR", "-") or "-",
                method=_NO_CAPITAL.sub("?", environ.get("REQUEST_METHOD", "-")),
                # Without the query: it holds JIDs and addresses.
                path=observe.loggable(_path(environ), storage_path=storage_path, known=_KNOWN),
                status=getattr(resp, "status_code", 0) or 0,
                bytes=getattr(resp, "sent", 0) + _file_bytes(environ),
                seconds=took.total_seconds(),
                code=environ.get("uploadsvc.error", "-"),
            )

    return RequestLogger


def _file_bytes(environ: WSGIEnvironment) -> int:
    """What gunicorn does not count, since the kernel has sent it."""
    return int(getattr(environ.get("gunicorn.socket"), "file_bytes", 0))


def _path(environ: WSGIEnvironment) -> str:
    return str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
