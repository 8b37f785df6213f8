"""
An upload with WebOb: `request.POST` keeps the file aside, the application copies it.
"""

import shutil
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from webob import Request, Response

from benchmarks.apps.places import flush, new_place

_PIECE = 64 * 1024


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    request = Request(environ)
    with request.POST["file1"].file as upload, new_place().open("wb") as place:
        shutil.copyfileobj(upload, place, _PIECE)
        flush(place)
    answer: Iterable[bytes] = Response("ok\n")(environ, start_response)
    return answer
