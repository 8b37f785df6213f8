"""Apache that asks the service for each file, and what it does with slow bodies and previews."""

import io
import os
import socket
import subprocess
import threading
import time
from urllib.parse import quote

import pytest
from PIL import Image

from apache import STORAGE_PATH, running_apache
from clients import fetch, file_form, raw
from waiting import eventually

pytestmark = pytest.mark.live

LARGE = b"0123456789" * 10_000
PATIENCE = 1


@pytest.fixture(scope="module")
def apache(program):
    defined = {"XSENDFILE": "", "PATIENCE": PATIENCE, "THREADS": 16}
    with running_apache(program("apache2"), defined=defined, send_files="x-sendfile") as server:
        yield server


def is_sent_by_apache(apache, link):
    """Whether a file that only the service's user may read is not given any more."""
    apache.path(link).chmod(0o600)
    return fetch(link).status != 200


def test_large_files_are_sent_by_apache_and_small_ones_by_the_service(apache):
    large, small = apache.store(LARGE, "large.bin"), apache.store(b"x", "small.bin")

    assert (fetch(large).body, fetch(small).body) == (LARGE, b"x")
    if os.geteuid() != 0:
        pytest.skip("Apache and the service are one user here, who may read the same")
    assert is_sent_by_apache(apache, large)
    assert not is_sent_by_apache(apache, small)


def test_a_client_learns_no_path_and_names_none(apache):
    link = apache.store(LARGE, "a.bin")
    forged = {"X-Sendfile": "/etc/hostname", "X-Accel-Redirect": "/etc/hostname"}
    answers = [fetch(link), fetch(link, headers=forged), fetch(link, method="HEAD")]
    answers += [fetch(link, headers={"Range": "bytes=9999999-"}), fetch(f"{link}.not")]

    assert answers[1].body == LARGE
    assert not [
        name for one in answers for name in one.headers if name.lower().startswith("x-send")
    ]
    assert not [one for one in answers if str(apache.folder) in f"{one.headers}{one.body!r}"]


@pytest.mark.parametrize("path", ["/AAAAAAAA/none.txt", "/AAAAAAAA"], ids=["service", "Apache"])
def test_an_error_says_once_that_nobody_keeps_it(apache, path):
    request = f"GET {STORAGE_PATH}{path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
    head = raw(apache.port, request.encode()).partition(b"\r\n\r\n")[0]

    assert head.startswith(b"HTTP/1.1 404 ")
    assert head.count(b"\r\nCache-Control: no-store") == head.count(b"\r\nCache-Control: ") == 1
    assert head.count(b"\r\nX-Content-Type-Options: nosniff") == 1


def test_apache_does_not_start_without_the_module(apache, program):
    configuration = (apache.folder / "httpd.conf").read_text()
    lines = [line for line in configuration.splitlines() if "mod_xsendfile.so" not in line]
    without = apache.folder / "without.conf"
    without.write_text("\n".join(lines))
    checks = [
        subprocess.run(
            [program("apache2"), "-t", "-d", apache.folder, "-f", file],
            capture_output=True,
            text=True,
        )
        for file in (without, apache.folder / "httpd.conf")
    ]

    assert [check.returncode == 0 for check in checks] == [False, True]
    assert "XSendFile" in checks[0].stderr


def test_the_service_knows_how_many_threads_apache_gives_it(apache, program):
    defined = {"THREADS": 7}
    with running_apache(program("apache2"), defined=defined) as too_few:
        answer = fetch(f"{too_few.url}/healthz")
        log = (too_few.folder / "error.log").read_text()

    assert fetch(f"{apache.url}/healthz").status == 200
    assert answer.status == 500
    assert "threads: " in log


def test_a_preview_is_kept_as_long_as_the_service_says(apache):
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "JPEG")
    link = apache.store(out.getvalue(), "photo.jpg")
    answer = fetch(f"{apache.url}/getpreview?addr={quote(link, safe='')}")

    assert answer.headers["Content-Type"] == "image/jpeg"
    # The server around it keeps pictures of this type for a year.
    assert answer.headers["Cache-Control"].startswith("private, max-age=86")
    assert "Expires" not in answer.headers


def begin(apache, size):
    """Send the head of an upload; return the connection and the body."""
    kind, body = file_form(b"x" * size)
    head = f"POST /sendfile HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", apache.port), timeout=30)
    connection.sendall(head.encode())
    return connection, body


def test_a_body_that_stands_still_ends_with_408(apache):
    connection, body = begin(apache, 100_000)
    with connection:
        connection.sendall(body[:500])
        answer = connection.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert eventually(lambda: not list(apache.storage.glob(".partial-*")))


def test_a_body_of_1_kb_a_second_is_taken(apache):
    connection, body = begin(apache, 3_000)
    begun, pause = time.monotonic(), threading.Event()
    with connection:
        for start in range(0, len(body), 256):
            connection.sendall(body[start : start + 256])
            pause.wait(0.25)
        answer = connection.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - begun > 2 * PATIENCE
