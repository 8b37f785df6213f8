"""The same preview asked for again: answered on a short way, and no otherwise than on the long."""

import io
import re
import socket
from urllib.parse import quote, urlsplit

import pytest
from PIL import Image

from clients import fetch, raw, upload
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.live

CHANGING = re.compile(rb"(?m)^(Date|Cache-Control): .*\r\n")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeats")
    with running_service(folder, disk_floor=0, decoders=1, trusted_proxies="127.0.0.1") as running:
        yield running


@pytest.fixture
def link(service, picture):
    """The link of a picture whose preview was asked for by nobody yet."""
    return upload(service.url, picture, filename="a.png").json["link"]


def target(link):
    return f"/getpreview?addr={quote(link, safe='')}"


class Asking:
    """A client that keeps its connection, and reads answers to the byte."""

    def __init__(self, service):
        self.service = service
        self.connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        self.file = self.connection.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.connection.close()

    def ask(self, path, *lines, times=1, host=None):
        host = host or f"127.0.0.1:{self.service.port}"
        request = "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *lines, "", ""])
        self.connection.sendall(request.encode() * times)
        return [self.answer() for _ in range(times)][-1]

    def answer(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.file.readline()
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])
        return CHANGING.sub(b"", head), self.file.read(length)


def lines_of(service):
    return [line for line in service.log.read_text().splitlines() if "/getpreview" in line]


def test_the_answer_is_the_same_to_the_byte_and_logged_as_before(service, link):
    with Asking(service) as client:
        earlier = len(lines_of(service))
        client.ask(target(link))
        # What was answered is logged a moment later.
        assert eventually(lambda: len(lines_of(service)) > earlier)
        before = len(lines_of(service))
        long_way = client.ask(target(link), "X-Unheard-Of: 1")
        answers = [client.ask(target(link)) for _ in range(5)]

    assert long_way[0].startswith(b"HTTP/1.1 200 OK\r\n")
    headers = [sorted(answer[0].split(b"\r\n")) for answer in [long_way, *answers]]
    assert all(each == headers[0] for each in headers)
    assert {answer[1] for answer in answers} == {long_way[1]}
    assert eventually(lambda: len(lines_of(service)) == before + 6)
    told = [line.split("uploadsvc.requests: ")[1].split() for line in lines_of(service)[before:]]
    assert len({words[0] for words in told}) == 6, "each has an id of its own"
    assert {tuple(words[1:6]) for words in told} == {
        ("127.0.0.1", "GET", "/getpreview", "200", str(len(long_way[1])))
    }


def test_it_says_how_long_it_may_be_kept_and_when_it_was_made(service, link):
    request = f"GET {target(link)} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n\r\n".encode()
    for _ in range(3):
        answer = raw(service.port, request)

    assert re.search(rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", answer)
    [left] = re.findall(rb"\r\nCache-Control: private, max-age=(\d+)\r\n", answer)
    assert 86000 < int(left) <= 86400


def test_a_file_that_is_taken_down_has_no_preview_any_more(service, link):
    with Asking(service) as client:
        for _ in range(3):
            assert b" 200 OK" in client.ask(target(link))[0]
        assert service.command("delete", link).returncode == 0

        assert b" 404 " in client.ask(target(link))[0]


def test_without_its_original_a_preview_is_not_shown_though_it_lies_there(service, link):
    with Asking(service) as client:
        for _ in range(3):
            assert b" 200 OK" in client.ask(target(link))[0]
        folder, name = urlsplit(link).path.split("/")[-2:]
        (service.storage / folder / name).unlink()

        assert b" 404 " in client.ask(target(link))[0]


def test_a_preview_that_was_removed_is_made_anew(service, link):
    with Asking(service) as client:
        for _ in range(3):
            first = client.ask(target(link))
        for preview in service.previews.glob("*.*"):
            preview.unlink()

        assert client.ask(target(link)) == first


def test_what_lies_there_now_is_sent_and_not_what_lay_there(service, link):
    with Asking(service) as client:
        for _ in range(3):
            _, first = client.ask(target(link))
        for kept in service.previews.glob("*.*"):
            kept.write_bytes(b"\xff\xd8 another")

        assert first != b"\xff\xd8 another" == client.ask(target(link))[1]


def test_for_another_host_the_address_is_as_foreign_as_the_first_time(service, link):
    with Asking(service) as client:
        for _ in range(3):
            client.ask(target(link))

        assert b" 403 " in client.ask(target(link), host="other.example")[0]


def test_a_trusted_proxy_is_believed_for_each_of_its_clients(service, link):
    told = "X-Forwarded-For: 192.0.2."
    with Asking(service) as client:
        for number in (1, 2, 1, 2, 1):
            assert b" 200 OK" in client.ask(target(link), f"{told}{number}")[0]
    assert eventually(lambda: sum("192.0.2.1 " in line for line in lines_of(service)) >= 3)
    assert sum("192.0.2.2 " in line for line in lines_of(service)) >= 2


def test_many_questions_sent_at_once_are_all_answered(service, link):
    with Asking(service) as client:
        first = client.ask(target(link))
        client.ask(target(link))

        assert client.ask(target(link), times=20) == first


@pytest.mark.parametrize(
    ("line", "status"),
    [("Range: bytes=0-3", b" 206 "), ("Range: bytes=9999999-", b" 416 ")],
)
def test_ranges_go_the_long_way(service, link, line, status):
    with Asking(service) as client:
        for _ in range(3):
            client.ask(target(link))

        assert status in client.ask(target(link), line)[0]


def test_a_client_that_takes_nothing_for_a_while_gets_all_of_it_in_the_end(service):
    link = upload(service.url, noisy(), filename="big.jpg").json["link"]
    path = f"{target(link)}&x=2000&y=2000"
    with Asking(service) as client:
        first = client.ask(path)
        assert len(first[1]) > 500_000
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n\r\n".encode()
        client.ask(path)
        for _ in range(3):
            client.connection.sendall(request)
            # Nothing is read before others were answered.
            assert fetch(f"{service.url}/healthz").status == 200

            assert client.answer() == first


def noisy():
    file = io.BytesIO()
    Image.effect_noise((2000, 1500), 90).save(file, "JPEG", quality=95)
    return file.getvalue()
