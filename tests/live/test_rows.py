"""Uploads in a row on one connection: its thread takes the next one, and holds up nobody."""

import contextlib
import socket
from urllib.parse import quote

import pytest

from clients import fetch, file_form, upload
from servers import running_service

pytestmark = pytest.mark.live

THREADS = 8


@pytest.fixture
def service(tmp_path):
    with running_service(tmp_path, disk_floor=0, decoders=1, threads=THREADS) as running:
        yield running


def upload_request(data=b"data", *, accept="application/json"):
    kind, body = file_form(data)
    lines = ("POST /sendfile HTTP/1.1", "Host: h", f"Content-Type: {kind}", f"Accept: {accept}")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def question(path, host="h"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


class Row:
    """A client that keeps its connection."""

    def __init__(self, service):
        self.connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        self.file = self.connection.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.connection.close()

    def send(self, request):
        self.connection.sendall(request)

    def answer(self):
        """The head of the next answer; its body is read too."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            if not line:
                raise ConnectionResetError
            head += line
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        self.file.read(int(length))
        return head

    def ask(self, request):
        self.send(request)
        return self.answer().split()[1]


def test_each_of_a_row_of_uploads_is_stored(service):
    with Row(service) as row:
        statuses = {row.ask(upload_request(b"x" * size)) for size in (0, 1, 1000, 5000, 100_000)}

    assert statuses == {b"201"}
    stored = [path.stat().st_size for path in service.storage.glob("*/*")]
    assert sorted(stored) == [0, 1, 1000, 5000, 100_000]


def test_uploads_that_are_sent_before_they_are_asked_for_are_answered_in_turn(service):
    with Row(service) as row:
        row.send(upload_request() * 10 + question("/healthz"))
        statuses = [row.answer().split()[1] for _ in range(11)]

    assert statuses == [b"201"] * 10 + [b"200"]


def test_questions_between_uploads_are_answered_as_ever(service, picture):
    link = upload(service.url, picture, filename="a.png").json["link"]
    preview = question(f"/getpreview?addr={quote(link, safe='')}", f"127.0.0.1:{service.port}")
    with Row(service) as row:
        statuses = [
            row.ask(request)
            for _ in range(5)
            for request in (preview, upload_request(), preview, upload_request(), preview)
        ]

    assert set(statuses) == {b"200", b"201"}


@pytest.mark.parametrize("half", [b"P", b"GET /healthz HTTP/1.1\r\nHost: h\r\n"])
def test_half_a_head_behind_an_upload_holds_no_thread(service, half):
    with contextlib.ExitStack() as stack:
        rows = [stack.enter_context(Row(service)) for _ in range(2 * THREADS)]
        statuses = {row.ask(upload_request() + half) for row in rows}

        assert statuses == {b"201"}
        # A head has ten seconds, so that a thread that waited for one would be met here.
        for _ in range(THREADS):
            assert fetch(f"{service.url}/", timeout=5).status == 200


def test_half_a_head_that_is_completed_is_answered(service):
    whole = question("/healthz")
    with Row(service) as row:
        row.send(upload_request() + whole[:10])
        row.answer()

        assert row.ask(whole[10:]) == b"200"


def test_who_goes_after_an_upload_leaves_nothing_behind(service):
    for _ in range(20):
        with Row(service) as row:
            row.ask(upload_request())

    assert fetch(f"{service.url}/healthz").status == 200
    assert "Traceback" not in service.log.read_text()


def test_a_row_ends_when_the_service_does_and_all_that_was_answered_is_there(tmp_path):
    answered = 0
    with running_service(tmp_path, disk_floor=0, threads=THREADS) as service:
        with Row(service) as row, contextlib.suppress(ConnectionError):
            while True:
                row.send(upload_request())
                head = row.answer()
                assert b" 201 " in head.splitlines()[0]
                answered += 1
                if answered == 20:
                    service.process.terminate()
                if b"connection: close" in head.lower():
                    break
        service.process.wait(timeout=60)
        stored = list(service.storage.glob("*/*"))

    assert answered >= 20
    assert len(stored) >= answered
