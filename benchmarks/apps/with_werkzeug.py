"""
An upload with Werkzeug: its form parser keeps the file aside, the application saves it.
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from benchmarks.apps.places import flush, new_place

_PIECE = 64 * 1024


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    request = Request(environ)
    with new_place().open("wb") as place:
        request.files["file1"].save(place, buffer_size=_PIECE)
        flush(place)
    request.close()
    return Response("ok\n")(environ, start_response)
