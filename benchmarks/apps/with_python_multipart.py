"""
An upload with python-multipart's form parser, which writes files to a folder that it is given.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

from python_multipart.multipart import File, create_form_parser

from benchmarks.apps.places import flush, new_place

_PIECE = 64 * 1024


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    config = {"UPLOAD_DIR": os.environ["UPLOADS"], "UPLOAD_DELETE_TMP": False}
    headers = {"Content-Type": environ["CONTENT_TYPE"].encode()}
    parser = create_form_parser(headers, lambda field: None, _keep, config=config)
    left = int(environ["CONTENT_LENGTH"])
    while left and (piece := environ["wsgi.input"].read(min(_PIECE, left))):
        parser.write(piece)
        left -= len(piece)
    parser.finalize()
    parser.close()
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


def _keep(file: File) -> None:
    file.flush_to_disk()
    flush(file.file_object)
    if file.actual_file_name is None:
        raise RuntimeError("the parser kept the file in memory")
    Path(os.fsdecode(file.actual_file_name)).rename(new_place())
