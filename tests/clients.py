"""Clients for the tests: what browsers, phones and attackers put on the wire."""

import contextlib
import io
import json
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass

BOUNDARY = "x-test-boundary-x"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def part(name, value, *, filename=None, media_type="application/octet-stream"):
    """One part of a form as bytes; `filename` makes it a file."""
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"\r\nContent-Type: {media_type}'
    value = value if isinstance(value, bytes) else value.encode()
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + value + b"\r\n"


def form(*parts):
    """A whole form of such parts: its content type and its body."""
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={BOUNDARY}", body


def file_form(data, *, filename="photo.jpg", **fields):
    """A form with fields and then a file in `file1`, as browsers send it."""
    fields = {"to": "juliet@capulet.example"} | fields
    return form(
        *(part(name, value) for name, value in fields.items() if value is not None),
        part("file1", data, filename=filename),
    )


def fetch(url, *, method="GET", data=None, headers=None, timeout=60):
    """Ask for a URL with urllib, and return the answer whatever its status."""
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(request, timeout=timeout) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def upload(url, data, *, filename="photo.jpg", accept="application/json", **fields):
    """Upload with a form and return the answer; JSON unless asked otherwise."""
    content_type, body = file_form(data, filename=filename, **fields)
    headers = {"Content-Type": content_type, "Accept": accept}
    return fetch(f"{url}/sendfile", method="POST", data=body, headers=headers)


def raw(port, request, *, timeout=30):
    """Send bytes as they are and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(1 << 16):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


@contextlib.contextmanager
def crawling(port, *, sent=0, size=5000, headers=()):
    """An upload of which so many bytes of the body were sent, and no more come."""
    kind, body = file_form(b"x" * size)
    lines = [f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    head = "\r\n".join(["POST /sendfile HTTP/1.1", "Host: h", *lines]) + "\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(head.encode() + body[:sent])
        yield client, body[sent:]


def answer_of(client):
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            answer += piece
    return answer


class Trickle:
    """A body that comes a few bytes at a time."""

    def __init__(self, body, step):
        self._body = io.BytesIO(body)
        self._step = step

    def read(self, size=-1):
        return self._body.read(min(self._step, size) if size >= 0 else self._step)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None
