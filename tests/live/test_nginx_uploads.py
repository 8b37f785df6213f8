"""Uploads through a real nginx: who holds a slow one, and who refuses which."""

import base64
import contextlib
import socket

import pytest

from clients import fetch, file_form, upload
from nginx import ask, running_nginx, status
from tus_by_hand import VERSION, offset, patch
from waiting import eventually

pytestmark = pytest.mark.live

LIMIT = 3_000_000


@contextlib.contextmanager
def half_sent(nginx, path="/sendfile"):
    """A connection with the first half of an upload sent, and its second half."""
    kind, body = file_form(b"x" * 400_000)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:200_000])
        yield connection, body[200_000:]


def test_with_buffering_the_service_sees_a_body_only_when_it_is_whole(program):
    with (
        running_nginx(program("nginx")) as nginx,
        half_sent(nginx) as (connection, rest),
    ):
        assert eventually(nginx.bodies)
        assert nginx.partials() == []
        connection.sendall(rest)

        assert status(connection.recv(1 << 16)) == 200


def test_uploads_that_go_on_or_are_watched_reach_the_service_as_they_come(program):
    """Whoever holds the others: the service is asked for their progress."""
    with (
        running_nginx(program("nginx")) as nginx,
        half_sent(nginx, "/upload?X-Progress-ID=4711") as (connection, rest),
    ):
        status_url = f"{nginx.url}/upload/status?X-Progress-ID=4711"
        assert eventually(lambda: fetch(status_url).json.get("received", 0) >= 100_000)
        assert nginx.bodies() == []
        connection.sendall(rest)

        assert status(connection.recv(1 << 16)) == 200


def test_an_upload_of_which_much_is_said_can_be_resumed_too(program):
    with running_nginx(program("nginx")) as nginx:
        note = base64.b64encode(b"x" * 5800).decode()
        headers = {"Upload-Metadata": f"note {note}", "Upload-Length": "5", "Content-Length": "0"}
        endpoint = f"{nginx.url}/files/"
        begun = fetch(endpoint, method="POST", headers=VERSION | headers)
        upload_url = endpoint + begun.headers["Location"]

        assert offset(upload_url) == 0
        assert patch(upload_url, b"hello", 0).status == 204
        assert offset(upload_url) == 5


def test_without_buffering_the_service_sees_the_bytes_as_they_come(program):
    with (
        running_nginx(program("nginx"), buffering=False) as nginx,
        half_sent(nginx) as (connection, rest),
    ):
        assert eventually(nginx.partials)
        assert nginx.bodies() == []
        connection.sendall(rest)

        assert status(connection.recv(1 << 16)) == 200


def test_without_buffering_a_body_that_stands_still_ends_with_the_answer_of_the_service(program):
    with (
        running_nginx(program("nginx"), buffering=False, stall_timeout=1) as nginx,
        half_sent(nginx) as (connection, _),
    ):
        answer = connection.recv(1 << 16)

        assert status(answer) == 408
        assert eventually(lambda: nginx.partials() == [])


@pytest.mark.parametrize("buffering", [True, False], ids=["on", "off"])
def test_a_phone_sends_in_chunks(program, phone, picture, buffering):
    with running_nginx(program("nginx"), buffering=buffering) as nginx:
        answer = phone.send(
            *("127.0.0.1", nginx.port, "/sendfile", "android", picture),
            chunked=True,
            params=[("to", "juliet@capulet.example")],
        )

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nContent-Length: " in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("buffering", [True, False], ids=["on", "off"])
def test_who_refuses_a_large_file_says_so(program, buffering):
    with running_nginx(program("nginx"), buffering=buffering, max_upload=LIMIT) as nginx:
        fits, by_the_service = (upload(nginx.url, b"x" * size) for size in (LIMIT, LIMIT + 1))
        head = f"POST /sendfile HTTP/1.1\r\nHost: x\r\nContent-Length: {200_000_000}\r\n\r\n"
        by_nginx = ask(nginx.port, head.encode())

    assert (fits.status, by_the_service.status, status(by_nginx)) == (201, 413, 413)
    assert by_the_service.json["code"] == "too-large"
    assert by_nginx.endswith(b"\r\n\r\nthe file is too large\n")
