"""HTTP as the server under us really speaks it, from requests that are right to abuse."""

import re
import socket
import threading

import pytest

from clients import fetch, file_form, raw, upload
from servers import peak_memory, running_service

pytestmark = pytest.mark.live

JID = "juliet@capulet.example"
SCRIPT = (
    rb"top\.Ext\.dispatch\(\{controller:'Chat', action: 'upload_result', "
    rb"args : \['(http://127\.0\.0\.1:\d+/uploadfile/wsgi/Storage/[A-Za-z0-9]{8}/image\.jpg)', "
    rb"'juliet@capulet\.example'\]\}\);"
)


def post(head, body=b"", *, target="/sendfile", version="1.1", content_type=None):
    """A request as bytes; `head` is its header lines but for the content type."""
    lines = [f"POST {target} HTTP/{version}", *head]
    lines.append(f"Content-Type: {content_type or file_form(b'')[0]}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def status_of(answer):
    """The final status of a raw answer."""
    return int(re.findall(rb"^HTTP/1\.[01] (\d{3})", answer, re.MULTILINE)[-1])


def chunked(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("platform", ["android", "ios"])
def test_a_phone_gets_its_answer_to_the_byte(service, phone, picture, platform, framing):
    answer = phone.send(
        "127.0.0.1",
        service.port,
        "/sendfile",
        platform,
        picture,
        chunked=framing == "chunked",
        params=[("to", JID)],
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    said = re.fullmatch(SCRIPT, body)

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: text/html; charset=utf-8\r\n" in head
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head
    assert said
    assert fetch(said[1].decode()).body == picture


@pytest.fixture(scope="module")
def small_service(tmp_path_factory):
    """A service that takes no more than a megabyte."""
    with running_service(
        tmp_path_factory.mktemp("small"), max_upload="1MB", disk_floor=0
    ) as service:
        yield service


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize("expect", [["Expect: 100-continue"], []], ids=["expect", "at-once"])
def test_a_client_that_sends_all_of_too_large_a_file_finds_the_413(
    small_service, expect, connection
):
    size = 20_000_000
    head = ["Host: h", f"Connection: {connection}", f"Content-Length: {size}", *expect]
    before = {pid: peak_memory(pid) for pid in small_service.processes()}
    with socket.create_connection(("127.0.0.1", small_service.port), timeout=30) as client:
        client.sendall(post(head))
        piece = bytes(1_000_000)
        for _ in range(size // len(piece)):
            client.sendall(piece)
        answer = client.recv(1 << 16)
    grown = max(peak_memory(pid) - peak for pid, peak in before.items())

    assert status_of(answer) == 413
    assert grown < 10_000_000
    assert list(small_service.storage.iterdir()) == []


def test_too_large_is_said_before_any_of_it_is_sent(small_service):
    head = ["Host: h", "Content-Length: 150000000", "Expect: 100-continue"]
    with socket.create_connection(("127.0.0.1", small_service.port), timeout=10) as client:
        client.sendall(post(head))
        answer = b""
        while b" 413 " not in answer and (piece := client.recv(1 << 16)):
            answer += piece

    assert status_of(answer) == 413


def test_too_large_without_a_length_is_told_and_not_kept(small_service):
    body = file_form(bytes(1_000_001))[1]
    answer = raw(small_service.port, post(["Host: h", "Transfer-Encoding: chunked"], chunked(body)))

    assert status_of(answer) == 413
    assert list(small_service.storage.iterdir()) == []


BODY = file_form(b"data")[1]
LENGTH = f"Content-Length: {len(BODY)}"


@pytest.mark.parametrize(
    ("framing", "statuses"),
    [
        ([LENGTH, "Transfer-Encoding: chunked"], {400}),
        ([LENGTH, LENGTH], {400}),
        ([LENGTH, "Content-Length: 5"], {400}),
        (["Content-Length: 5, 5"], {400}),
        (["Content-Length: -1"], {400}),
        (["Content-Length: +5"], {400}),
        (["Content-Length: 1_0"], {400}),
        (["Content-Length: 0x10"], {400}),
        (["Content-Length: "], {400}),
        (["Content-Length: 9223372036854775808"], {400, 413}),
        (["Content-Length: 99999999999999999999999999"], {400, 413}),
        (["Content-Length: 0"], {400, 411}),
        ([], {400, 411}),
        (["Transfer-Encoding: identity"], {400, 411}),
        (["Transfer-Encoding: chunked, chunked"], {400}),
        (["Transfer-Encoding: xchunked"], {400, 501}),
    ],
)
def test_a_body_of_doubtful_length_is_refused(service, framing, statuses):
    before = set(service.storage.iterdir())
    request = post(["Host: h", "Connection: close", *framing], BODY)

    assert status_of(raw(service.port, request)) in statuses
    assert set(service.storage.iterdir()) == before


@pytest.mark.parametrize(
    "body",
    [
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nhello",
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"\r\n",
        chunked(BODY)[: -len(b"0\r\n\r\n")],
    ],
)
def test_chunks_that_are_malformed_are_refused(service, body):
    before = set(service.storage.iterdir())
    request = post(["Host: h", "Transfer-Encoding: chunked", "Connection: close"], body)

    assert status_of(raw(service.port, request)) == 400
    assert set(service.storage.iterdir()) == before


def test_an_old_client_without_a_host_is_served(service):
    answer = raw(service.port, post([LENGTH], BODY, version="1.0"))
    link = re.search(rb"'(http://[^']*)'", answer)[1].decode()

    assert status_of(answer) == 200
    assert fetch(link).body == b"data"


def test_a_stored_file_is_served_whole_in_part_or_not_again(service, connect):
    data = bytes(range(256)) * 4000
    path = "/" + upload(service.url, data, filename="a.bin").json["link"].split("/", 3)[3]
    connection = connect(service.port)
    whole = connection.ask("GET", path)
    head = connection.ask("HEAD", path)
    part = connection.ask("GET", path, headers={"Range": "bytes=1000-4999"})
    end = connection.ask("GET", path, headers={"Range": "bytes=-7"})
    outside = connection.ask("GET", path, headers={"Range": f"bytes={len(data)}-"})
    known = connection.ask("GET", path, headers={"If-None-Match": whole.headers["ETag"]})
    since = {"If-Modified-Since": whole.headers["Last-Modified"]}

    assert (whole.status, whole.body) == (200, data)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(data))
    assert (part.status, part.body) == (206, data[1000:5000])
    assert part.headers["Content-Range"] == f"bytes 1000-4999/{len(data)}"
    assert (end.status, end.body) == (206, data[-7:])
    assert outside.status == 416
    assert (known.status, known.body) == (304, b"")
    assert connection.ask("GET", path, headers=since).status == 304


def test_uploads_at_the_same_time_do_not_mix(service):
    answers = {}

    def send(number):
        data = bytes([number]) * 300_000
        answers[number] = (data, upload(service.url, data, filename="same.bin"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(answers) == 16
    assert all(fetch(answer.json["link"]).body == data for data, answer in answers.values())
    assert len({answer.json["link"] for _, answer in answers.values()}) == 16
