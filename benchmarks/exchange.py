"""
Uploads over a connection that is kept: one request after the other, each with its answer.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from benchmarks.wire import BadAnswer, Content

_TIMEOUT_SECONDS = 300
_PIECE = 1 << 16

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Headers
    """Their names in lower case."""

    body: bytes


class Exchange:
    """A connection on loopback. Each request raises `BadAnswer` unless the answer is a success."""

    def __init__(self, port: int) -> None:
        self._host = f"127.0.0.1:{port}"
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, headers: Headers, body: bytes = b"") -> Reply:
        """Send a request with a short body, in one piece."""
        self._connection.sendall(self._head(method, path, headers, len(body)) + body)
        return self._answer()

    def send(self, method: str, path: str, headers: Headers, content: Content) -> Reply:
        """Send a request whose body is as long as it likes."""
        self._connection.sendall(self._head(method, path, headers, content.size))
        for piece in content:
            self._connection.sendall(piece)
        return self._answer()

    def _head(self, method: str, path: str, headers: Headers, length: int) -> bytes:
        all_of_them = {"Host": self._host, "Content-Length": str(length), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in all_of_them.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()

    def _answer(self) -> Reply:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more(received)
        head, _, body = received.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        status = int(line.split()[1])
        if not 200 <= status < 300:
            raise BadAnswer(received[:500].decode(errors="replace"))
        headers = {
            name.lower(): value.strip()
            for name, _, value in (each.partition(":") for each in lines)
        }
        if "chunked" in headers.get("transfer-encoding", ""):
            # Only those say it that answer with nothing; what it is does not matter here.
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more(received)
        while len(body) < int(headers.get("content-length", 0)):
            body += self._more(received)
        return Reply(status, headers, body)

    def _more(self, so_far: bytes) -> bytes:
        piece = self._connection.recv(_PIECE)
        if not piece:
            raise BadAnswer(f"broken off after {so_far[:500].decode(errors='replace')!r}")
        return piece
