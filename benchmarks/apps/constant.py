"""
The limit of cached previews: answers everything with the same bytes, `LENGTH` of them.

`python -m benchmarks.apps.constant` serves them like `uploadsvc serve` serves its own application:
the same gunicorn, worker, settings and request log.
"""

import os
import sys
from collections.abc import Iterable
from unittest.mock import patch
from wsgiref.types import StartResponse, WSGIEnvironment

_BODY = b"\xff\xd8" + bytes(int(os.environ["LENGTH"]) - 2)
_HEADERS = [("Content-Type", "image/jpeg"), ("Content-Length", str(len(_BODY)))]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", _HEADERS)
    return [_BODY]


if __name__ == "__main__":
    from uploadsvc import cli, serve

    with patch.object(serve, "compose", lambda *_: app):
        cli.main(sys.argv[1:])
