"""`uploadsvc serve` as a good neighbour: its log, its files, its proxies, its end."""

import contextlib
import json
import signal
import socket
from urllib.parse import quote

import pytest

from clients import fetch, file_form, raw, upload
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.live

JID = "juliet@capulet.example"


def head(*lines):
    """The head of an upload with these header lines too, as bytes."""
    first = ["POST /sendfile HTTP/1.1", "Host: h", f"Content-Type: {file_form(b'')[0]}"]
    return ("\r\n".join([*first, *lines]) + "\r\n\r\n").encode()


def test_each_request_has_one_line_and_no_secret_in_it(tmp_path, picture):
    with running_service(tmp_path, log_format="json", disk_floor=0, decoders=1) as service:
        target = f"/sendfile?to={quote(JID)}"
        kind, body = file_form(picture, filename="secret-name.png")
        link = fetch(
            service.url + target,
            method="POST",
            data=body,
            headers={"Content-Type": kind, "Accept": "application/json"},
        ).json["link"]
        fetch(link)
        fetch(f"{service.url}/getpreview?addr={quote(link, safe='')}")
        fetch(f"{service.url}/nothing?jid={JID}")
        fetch(link + "x")

        assert eventually(lambda: len(request_lines(service)) == 5)
        lines = request_lines(service)
        log = service.log.read_text()
    folder = link.split("/")[-2]
    hidden = f"/uploadfile/wsgi/Storage/{folder[:3]}…"
    # Each is written after its answer, so two may change places.
    told = sorted((line["method"], line["path"], line["status"]) for line in lines)

    assert told == sorted(
        [
            ("POST", "/sendfile", 201),
            ("GET", hidden, 200),
            ("GET", "/getpreview", 200),
            ("GET", "/not…", 404),
            ("GET", hidden, 404),
        ]
    )
    assert len(picture) in {line["bytes"] for line in lines}
    assert all(0 <= line["seconds"] < 60 and line["id"] for line in lines)
    assert len({line["id"] for line in lines}) == len(lines)
    for secret in (JID, "juliet", folder[:4], "secret-name", "addr="):
        assert secret not in log


def test_more_connections_than_open_files_only_have_to_wait(tmp_path, program):
    wrapper = (program("prlimit"), "--nofile=64:64")
    with (
        running_service(tmp_path, wrapper=wrapper, disk_floor=0) as service,
        contextlib.ExitStack() as idle,
    ):
        before = service.processes()[:2]
        for _ in range(100):
            idle.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=30))
        assert eventually(lambda: "new connections have to wait" in service.log.read_text())
        idle.close()

        assert upload(service.url, b"data").status == 201
        assert service.processes()[:2] == before


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /sendfile?to=juliet@capulet.example&x=\xc3\xa0 b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /juliet HTTP/9.9\r\nHost: h\r\n\r\n", 400),
        (b"GET /juliet HTTP/1.1\r\nHost: h\r\njuliet: a\x00b\r\n\r\n", 400),
        (b"GET /" + b"juliet" * 2000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"juliet: x\r\n" * 200 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: juliet\r\n\r\n", 501),
        (b"GET /juliet HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_told_so_without_its_own_words(service, request_bytes, status):
    before = len(service.log.read_text())
    answer = raw(service.port, request_bytes)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"juliet" not in answer
    assert b"no-store" in answer
    assert eventually(lambda: f" {status} " in service.log.read_text()[before:])
    assert "juliet@" not in service.log.read_text()[before:]


def request_lines(service):
    """The log's lines on requests, but those of the first question whether it is up."""
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if line[:1] == "{"]
    return [line for line in lines if line.get("path", "/healthz") != "/healthz"]


def test_nothing_is_written_outside_the_data(tmp_path, monkeypatch, picture):
    for name in ("home", "run"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with running_service(tmp_path / "run", disk_floor=0, decoders=1) as service:
        link = upload(service.url, picture, filename="a.png").json["link"]
        preview = fetch(f"{service.url}/getpreview?addr={quote(link, safe='')}")
        during = {path.name for path in (tmp_path / "run").iterdir()}

        assert preview.status == 200
        assert during == {"data", "service.log"}
        assert list((tmp_path / "home").iterdir()) == []
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"data", "service.log"}
    assert list((tmp_path / "home").iterdir()) == []


FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pub.example", "Forwarded": "host=x"}


def link_through_a_proxy(service):
    kind, body = file_form(b"data")
    headers = {"Content-Type": kind, "Accept": "application/json", **FORWARDED}
    answer = fetch(f"{service.url}/sendfile", method="POST", data=body, headers=headers)
    return answer.json["link"].partition("/uploadfile/")[0]


def test_forwarded_headers_of_just_anybody_are_ignored(service):
    assert link_through_a_proxy(service) == service.url


def test_forwarded_headers_of_a_trusted_proxy_are_believed(tmp_path):
    with running_service(tmp_path, trusted_proxies="127.0.0.1", disk_floor=0) as service:
        assert link_through_a_proxy(service) == "https://pub.example"


def test_a_running_upload_may_end_when_the_service_is_stopped(tmp_path, connect):
    data = b"\0data" * 60_000
    body = file_form(data)[1]
    length = f"Content-Length: {len(body)}"
    request = head(length, "Connection: close", "Accept: application/json")
    with running_service(tmp_path, disk_floor=0) as service:
        other = connect(service.port)
        assert not says_goodbye(other)
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
            client.sendall(request + body[:200_000])
            assert eventually(lambda: any(service.storage.iterdir())), "the upload is running"
            service.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: says_goodbye(other)), "the service is stopping"
            client.sendall(body[200_000:])
            answer = b""
            while piece := client.recv(1 << 16):
                answer += piece
        code = service.process.wait(timeout=20)

        assert answer.startswith(b"HTTP/1.1 201 ")
        assert code == 0
    path = json.loads(answer.partition(b"\r\n\r\n")[2])["link"].split("/", 3)[3]
    with running_service(tmp_path, disk_floor=0) as again:
        assert fetch(f"{again.url}/{path}").body == data


def says_goodbye(connection):
    """Whether the service answers that it will close a connection that it would keep."""
    return connection.ask("GET", "/healthz").headers["Connection"] == "close"


def test_slow_clients_do_not_keep_others_waiting(tmp_path):
    body = file_form(bytes(300_000))[1]
    begin = head(f"Content-Length: {len(body)}")
    with running_service(tmp_path, disk_floor=0) as service, contextlib.ExitStack() as open_ones:
        for said in [begin + body[:200_000]] * 40 + [begin[:30]] * 10 + [b""] * 10:
            client = socket.create_connection(("127.0.0.1", service.port), timeout=60)
            open_ones.enter_context(client).sendall(said)
        assert eventually(lambda: len(list(service.storage.iterdir())) == 40), "40 are being served"

        assert [fetch(f"{service.url}/healthz").status for _ in range(5)] == [200] * 5
