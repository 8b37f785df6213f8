"""
An upload with multipart's push parser: the file's bytes go straight to their place.
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from multipart import MultipartSegment, PushMultipartParser, parse_options_header

from benchmarks.apps.places import flush, new_place

_PIECE = 64 * 1024


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    _, options = parse_options_header(environ["CONTENT_TYPE"])
    length = int(environ["CONTENT_LENGTH"])
    wanted = False
    with (
        PushMultipartParser(options["boundary"], content_length=length) as parser,
        new_place().open("wb") as place,
    ):
        for event in parser.parse_blocking(environ["wsgi.input"].read, _PIECE):
            if isinstance(event, MultipartSegment):
                wanted = event.filename is not None
            elif event and wanted:
                place.write(event)
        flush(place)
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]
