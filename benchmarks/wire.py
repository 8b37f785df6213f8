"""
The load: HTTP over a plain socket, which costs little beside what it measures.
"""

import hashlib
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

_BOUNDARY = "x-benchmark-boundary-x"
_BLOCK = random.Random(1).randbytes(1 << 20)
_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Content:
    """The bytes of a file: a block, again and again, which costs nothing to make."""

    size: int
    block: bytes = field(default=_BLOCK, repr=False)

    def __iter__(self) -> Iterator[memoryview]:
        block = memoryview(self.block)
        for start in range(0, self.size, len(block)):
            yield block[: self.size - start]

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self:
            digest.update(piece)
        return digest.hexdigest()


@dataclass(frozen=True)
class Sent:
    seconds: float
    """From the first byte of the request to the first of the answer."""

    waited: float
    """From the last byte of the request to the first of the answer, in seconds."""

    body: bytes
    """Of the answer."""


class BadAnswer(Exception):
    """A contender did not do what it was asked for, so there is nothing to compare."""


def send_form(port: int, content: Content) -> Sent:
    """Upload a file with a form, as browsers do; raise `BadAnswer` unless it is taken."""
    before = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="to"\r\n\r\n'
        f"juliet@capulet.example\r\n--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file1"; filename="upload"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    after = f"\r\n--{_BOUNDARY}--\r\n".encode()
    media_type = f"multipart/form-data; boundary={_BOUNDARY}"
    return _send(port, media_type, content, before=before, after=after)


def send_plain(port: int, content: Content, *, path: str = "/sendfile") -> Sent:
    """Send a file as the whole body; raise `BadAnswer` unless it is taken."""
    media_type = "application/octet-stream"
    return _send(port, media_type, content, before=b"", after=b"", path=path)


def _send(
    port: int,
    media_type: str,
    content: Content,
    *,
    before: bytes,
    after: bytes,
    path: str = "/sendfile",
) -> Sent:
    length = len(before) + content.size + len(after)
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {length}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as connection:
        began = time.perf_counter()
        connection.sendall(request + before)
        for piece in content:
            connection.sendall(piece)
        connection.sendall(after)
        sent = time.perf_counter()
        answer = connection.recv(1 << 16)
        answered = time.perf_counter()
        while more := connection.recv(1 << 16):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 20", b"HTTP/1.0 20")):
        raise BadAnswer(answer[:500].decode(errors="replace"))
    return Sent(seconds=answered - began, waited=answered - sent, body=body)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: bytes
    """In lower case, without the status line."""
    body: bytes
    seconds: float
    """From before the connection was opened to the last byte."""


def get(port: int, path: str) -> Answer:
    """Ask on a connection of its own; raise `BadAnswer` for what is broken off, or no answer."""
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(1 << 18), b""))
    seconds = time.perf_counter() - began
    head, end, body = answer.partition(b"\r\n\r\n")
    line, _, headers = head.lower().partition(b"\r\n")
    if not end or f"content-length: {len(body)}".encode() not in headers.split(b"\r\n"):
        raise BadAnswer(head[:500].decode(errors="replace"))
    return Answer(int(line.split()[1]), headers, body, seconds)


class KeptAlive:
    """A connection that asks for one address again and again."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self) -> bytes:
        """Return the body of the answer; raise `BadAnswer` where it is not a 200 with a length."""
        self._connection.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more(received)
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        lengths = [line[15:] for line in lines if line.startswith(b"content-length:")]
        if b" 200 " not in lines[0] or len(lengths) != 1:
            raise BadAnswer(head.decode(errors="replace"))
        while len(body) < int(lengths[0]):
            body += self._more(head)
        return body

    def _more(self, so_far: bytes) -> bytes:
        piece = self._connection.recv(1 << 18)
        if not piece:
            raise BadAnswer(f"broken off after {so_far[:500].decode(errors='replace')!r}")
        return piece
