"""A gigabyte in and out: memory stays what it was."""

import http.client
import os

import pytest

from clients import BOUNDARY, file_form
from servers import peak_memory, running_service

pytestmark = pytest.mark.live

PIECE = 1 << 20
LIMIT = 100_000_000


def test_memory_does_not_grow_with_the_file(tmp_path, many, figure):
    size = many(200, 1024) * PIECE
    with running_service(tmp_path, max_upload="2GB", disk_floor=0) as service:
        answer, link = send(service.port, size)
        after_upload = {pid: peak_memory(pid) for pid in service.processes()}
        received = receive(service.port, link)
        after_download = {pid: peak_memory(pid) for pid in service.processes()}

        assert answer == 201
        assert received == size
        assert max(after_upload.values()) < LIMIT
        assert max(after_download.values()) < LIMIT
    figure(
        f"memory for an upload and a download of {size // PIECE} MiB",
        "under 100 MB in any process",
        f"{max(after_upload.values()) / 1e6:.0f} MB after the upload, "
        f"{max(after_download.values()) / 1e6:.0f} MB after the download",
    )


def send(port, size):
    content_type, empty = file_form(b"", filename="big.bin")
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    head = empty.removesuffix(end)
    piece = os.urandom(PIECE)

    def body():
        yield head
        for _ in range(size // PIECE):
            yield piece
        yield end

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(len(head) + size + len(end)),
        "Accept": "application/json",
    }
    connection.request("POST", "/sendfile", body=body(), headers=headers)
    with connection.getresponse() as answer:
        link = answer.headers["Location"]
        answer.read()
    connection.close()
    return answer.status, link


def receive(port, link):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", link.partition(f":{port}")[2])
    received = 0
    with connection.getresponse() as answer:
        while piece := answer.read(PIECE):
            received += len(piece)
    connection.close()
    return received
