"""
A naive tus server that counts bytes before they are there: what the tests must find out.

One upload a file in the folder that is its argument, the offset in a file beside it. Says
its port on the first line.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
PIECE = 1 << 14


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def bytes(self):
        return FOLDER / f"{self.path.rpartition('/')[2]}.bytes"

    @property
    def offset(self):
        return self.bytes.with_suffix(".offset")

    def do_GET(self):
        self._answer(200)

    def do_POST(self):
        self.path = f"/files/{len(list(FOLDER.iterdir()))}"
        self.bytes.touch()
        self.offset.write_text("0")
        self._answer(201, ("Location", self.path))

    def do_HEAD(self):
        self._answer(200, ("Upload-Offset", self.offset.read_text() or "0"))

    def do_PATCH(self):
        left = int(self.headers["Content-Length"])
        end = int(self.headers["Upload-Offset"]) + left
        self.offset.write_text(str(end))
        with self.bytes.open("r+b") as file:
            file.seek(end - left)
            while left and (piece := self.rfile.read(min(PIECE, left))):
                file.write(piece)
                left -= len(piece)
        self._answer(204, ("Upload-Offset", str(end)))

    def log_message(self, *args):
        pass

    def _answer(self, status, *headers):
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", "0"), ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)  # noqa: T201
    server.serve_forever()
