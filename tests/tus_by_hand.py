"""tus 1.0.0 by hand, one request at a time, for what no client of others would do."""

import base64
import contextlib
import http.client
import random
import socket
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from clients import Answer, fetch

VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}
BROKEN = (OSError, http.client.HTTPException)
"""What a request ends with whose connection is lost."""

_MOST_ATTEMPTS = 50


def metadata(**fields: str) -> str:
    """The value of `Upload-Metadata` for these fields."""
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in fields.items())


def create(url: str, size: int, *, filename: str = "some.bin") -> str:
    """Begin an upload at the endpoint `url` and return its own address."""
    headers = VERSION | {
        "Upload-Length": str(size),
        "Upload-Metadata": metadata(filename=filename),
        "Content-Length": "0",
    }
    answer = fetch(url, method="POST", headers=headers)
    assert answer.status == 201, answer
    return urljoin(url, answer.headers["Location"])


def offset(upload: str, *, timeout: float = 30) -> int:
    """How many bytes the server says it has; raise one of `BROKEN` if it could not say it."""
    answer = fetch(upload, method="HEAD", headers=VERSION, timeout=timeout)
    assert answer.status == 200, answer
    if not answer.headers.get("Upload-Offset", "").isdigit():
        raise http.client.HTTPException("the answer broke off")
    return int(answer.headers["Upload-Offset"])


def patch(upload: str, data: bytes, begin: int, *, timeout: float = 30) -> Answer:
    """Send bytes that belong at this offset."""
    headers = VERSION | BYTES | {"Upload-Offset": str(begin)}
    return fetch(upload, method="PATCH", data=data, headers=headers, timeout=timeout)


def go_on(upload: str, data: bytes, *, timeout: float = 30) -> int:
    """
    Send what the server does not have yet until it has all; return how often it broke off.

    `data` is the whole file.
    """
    for broken in range(_MOST_ATTEMPTS):
        with contextlib.suppress(*BROKEN):
            begin = offset(upload, timeout=timeout)
            if begin == len(data):
                return broken
            answer = patch(upload, data[begin:], begin, timeout=timeout)
            if answer.status == 204:
                return broken
    raise TimeoutError(f"the upload broke off {_MOST_ATTEMPTS} times")


def head_of_patch(upload: str, size: int, begin: int = 0, *headers: str) -> bytes:
    """The head of a PATCH with a body of `size` bytes, for whoever writes to a socket."""
    target = urlsplit(upload)
    fields = VERSION | BYTES | {"Upload-Offset": str(begin), "Host": target.netloc}
    lines = [f"{name}: {value}" for name, value in fields.items()]
    if size >= 0:
        lines.append(f"Content-Length: {size}")
    return "\r\n".join([f"PATCH {target.path} HTTP/1.1", *lines, *headers, "", ""]).encode()


@contextlib.contextmanager
def patching(upload: str, size: int, begin: int = 0, *headers: str) -> Iterator[socket.socket]:
    """A PATCH that promises `size` bytes (chunked for -1), of which none is sent yet."""
    target = urlsplit(upload)
    with socket.create_connection((target.hostname, target.port), timeout=30) as connection:
        connection.sendall(head_of_patch(upload, size, begin, *headers))
        yield connection


def some_bytes(seed: object, smallest: int, largest: int) -> bytes:
    """Bytes that are the same for the same seed, between so many and so many."""
    chance = random.Random(str(seed))
    return chance.randbytes(chance.randint(smallest, largest))
