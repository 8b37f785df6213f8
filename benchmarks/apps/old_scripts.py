"""
The old chat scripts, plainly ported: fetch, open, thumbnail, save, answer. No limits, no checks.
"""

import hashlib
import io
import os
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from PIL import Image


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    query = parse_qs(environ["QUERY_STRING"])
    address, width, height = (query[name][0] for name in ("addr", "x", "y"))
    name = hashlib.md5(f"{address} {width} {height}".encode()).hexdigest()
    preview = Path(os.environ["PREVIEWS"]) / f"{name}.jpeg"
    if not preview.exists():
        with urllib.request.urlopen(address) as source:
            picture = io.BytesIO(source.read())
        with Image.open(picture) as image:
            image.thumbnail((int(width), int(height)))
            image.save(preview, "JPEG")
    body = preview.read_bytes()
    start_response("200 OK", [("Content-Type", "image/jpeg"), ("Content-Length", str(len(body)))])
    return [body]
