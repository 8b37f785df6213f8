"""Slow clients: hundreds of them, and everybody else is answered all the same."""

import contextlib
import io
import resource
import socket
import time
from urllib.parse import quote, urlsplit

import pytest
from benchmarks.crowd import Besieged, Crowd, ask, percentile
from PIL import Image

from clients import answer_of, crawling, fetch, file_form, upload
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.live

BIG = 3_000_000


@pytest.fixture
def dead():
    """The base of addresses where somebody takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def besieged(dead):
    """`besieged(service)` is what a crowd needs to know of it, and a preview in its cache."""

    def prepare(service):
        big = upload(service.url, b"\x01" * BIG, filename="big.bin").json["link"]
        picture = io.BytesIO()
        Image.effect_noise((300, 200), 50).save(picture, "JPEG")
        small = upload(service.url, picture.getvalue()).json["link"]
        preview = f"/getpreview?addr={quote(small, safe='')}"
        assert fetch(service.url + preview).status == 200
        return Besieged(service.port, urlsplit(big).path, BIG, dead), preview

    return prepare


def under_way(service, number):
    return lambda: len(list(service.storage.glob(".partial-*/*"))) == number


def test_a_crowd_of_slow_clients_keeps_nobody_from_an_answer(
    tmp_path, many, figure, besieged, dead
):
    slow, waiting = many(100, 500), many(20, 100)
    allowed = dead.removeprefix("http://")
    with running_service(tmp_path, fetch_allow=allowed, disk_floor=0) as service:
        target, preview = besieged(service)
        crowd = Crowd(target, uploads=slow, downloads=slow, previews=waiting, seconds=60)
        with crowd:
            assert eventually(under_way(service, slow))
            taken = [
                *ask(service.port, "/healthz", seconds=1),
                *ask(service.port, preview, seconds=1),
            ]

            assert under_way(service, slow)(), "they crawled all the time"
    told = f"all of {len(taken)} answered; {dict(crowd.outcomes)}"

    assert crowd.outcomes == {
        "upload 200": slow,
        "download complete": slow,
        "preview 504": waiting,
    }
    figure(
        f"{slow} slow uploads, {slow} slow downloads, {waiting} previews of a dead source at once",
        "all end right, and others are answered meanwhile",
        f"{told}, p99 {percentile(taken, 99) * 1000:.0f} ms",
    )


def is_turned_away(answer):
    return (answer.status, answer.json["code"], int(answer.headers["Retry-After"]) > 0) == (
        503,
        "unavailable",
        True,
    )


def test_one_upload_more_than_may_be_under_way_is_turned_away_at_once(tmp_path):
    with running_service(tmp_path, threads=20, uploads_at_once=2, disk_floor=0) as service:
        with crawling(service.port, sent=3000), crawling(service.port, sent=3000) as (last, rest):
            assert eventually(under_way(service, 2))
            refused = upload(service.url, b"x")
            last.sendall(rest)
            ended = answer_of(last)
            taken = upload(service.url, b"x")

        assert is_turned_away(refused)
        assert b" 200 OK" in ended.splitlines()[0]
        assert taken.status == 201


def test_one_download_more_than_may_be_under_way_is_turned_away_at_once(tmp_path):
    with running_service(tmp_path, threads=20, downloads_at_once=1, disk_floor=0) as service:
        link = upload(service.url, b"x" * 20_000_000, filename="a.bin").json["link"]
        as_json = {"Accept": "application/json"}
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as slow:
            slow.sendall(f"GET {urlsplit(link).path} HTTP/1.0\r\nHost: h\r\n\r\n".encode())
            assert slow.recv(100)
            refused = fetch(link, headers=as_json)
            head = fetch(link, method="HEAD")

            assert is_turned_away(refused)
            assert head.status == 200, "it has no bytes that anybody waits for"
        assert eventually(lambda: fetch(link, headers=as_json).status == 200)


@pytest.mark.parametrize("bound", ["fetches_at_once", "previews_at_once"])
def test_one_wait_for_a_source_more_than_may_be_is_turned_away_at_once(tmp_path, dead, bound):
    settings = {"fetch_allow": dead.removeprefix("http://"), bound: 1, "threads": 20}
    with running_service(tmp_path, disk_floor=0, fetch_timeout=3, **settings) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as first:
            first.sendall(f"GET /getpreview?addr={dead}/1 HTTP/1.0\r\nHost: h\r\n\r\n".encode())
            assert eventually(lambda: any(service.previews.glob(".partial-lock-*")))
            refused = fetch(
                f"{service.url}/getpreview?addr={dead}/2", headers={"Accept": "application/json"}
            )

        assert is_turned_away(refused)


@pytest.mark.parametrize("sent", [0, 3000])
def test_a_body_that_stalls_ends_with_408_and_nothing_is_kept(tmp_path, sent):
    with running_service(tmp_path, stall_timeout="0.3s", disk_floor=0) as service:
        with crawling(service.port, sent=sent, headers=["Accept: application/json"]) as (client, _):
            answer = answer_of(client)

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code": "stalled"' in answer
        assert list(service.storage.iterdir()) == []


def test_a_chunked_body_that_stalls_ends_with_408_too(tmp_path):
    kind, body = file_form(b"x" * 5000)
    head = f"POST /sendfile HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\n"
    chunk = b"%x\r\n%s\r\n" % (3000, body[:3000])
    with running_service(tmp_path, stall_timeout="0.3s", disk_floor=0) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
            client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk)
            answer = answer_of(client)

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert list(service.storage.iterdir()) == []


def test_a_download_that_nobody_takes_makes_room_for_others(tmp_path):
    settings = {"stall_timeout": "0.2s", "threads": 20, "downloads_at_once": 1, "disk_floor": 0}
    with running_service(tmp_path, **settings) as service:
        link = upload(service.url, b"x" * 20_000_000, filename="a.bin").json["link"]
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as slow:
            slow.sendall(f"GET {urlsplit(link).path} HTTP/1.0\r\nHost: h\r\n\r\n".encode())
            assert slow.recv(100)

            assert eventually(lambda: fetch(link).status == 200)


def test_clients_that_say_nothing_hold_no_thread(tmp_path):
    with running_service(tmp_path, threads=8, disk_floor=0) as service, contextlib.ExitStack() as s:
        address = ("127.0.0.1", service.port)
        for _ in range(50):
            s.enter_context(socket.create_connection(address, timeout=60))

        assert ask(service.port, "/healthz", seconds=0.1)


def test_clients_that_do_not_close_their_side_hold_nobody_up(tmp_path):
    with running_service(tmp_path, threads=8, disk_floor=0) as service, contextlib.ExitStack() as s:
        for _ in range(20):
            client = socket.create_connection(("127.0.0.1", service.port), timeout=60)
            s.enter_context(client)
            client.sendall(b"GET /healthz HTTP/1.0\r\nHost: h\r\n\r\n")
            assert answer_of(client).endswith(b"ok\n")
        began = time.monotonic()
        ask(service.port, "/healthz", seconds=0)

        # Each of them would cost two seconds, one after the other.
        assert time.monotonic() - began < 20


def test_a_head_that_crawls_is_told_so(tmp_path):
    with running_service(tmp_path, stall_timeout="0.3s", disk_floor=0) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n")
            answer = answer_of(client)

        assert answer.startswith(b"HTTP/1.1 408 ")


def test_clients_that_send_one_byte_of_a_request_hold_no_thread(tmp_path):
    with running_service(tmp_path, threads=8, disk_floor=0) as service, contextlib.ExitStack() as s:
        for _ in range(50):
            client = socket.create_connection(("127.0.0.1", service.port), timeout=60)
            s.enter_context(client)
            client.sendall(b"G")
        client.sendall(b"ET /healthz HTTP/1.0\r\nHost: h\r\n\r\n")

        assert answer_of(client).endswith(b"ok\n"), "and it is read on when the rest comes"
        assert ask(service.port, "/healthz", seconds=0.1)


def test_clients_that_do_not_take_what_they_asked_for_do_not_hold_all_threads(tmp_path):
    with running_service(tmp_path, threads=8, disk_floor=0) as service, contextlib.ExitStack() as s:
        for _ in range(20):
            client = socket.socket()
            s.enter_context(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", service.port))
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 4000)

        assert ask(service.port, "/healthz", seconds=0.1)


def test_uploads_that_are_turned_away_hold_no_thread(tmp_path):
    with running_service(tmp_path, threads=8, disk_floor=0) as service, contextlib.ExitStack() as s:
        for _ in range(20):
            s.enter_context(crawling(service.port, sent=3000))
        began = time.monotonic()
        assert ask(service.port, "/healthz", seconds=0)

        # Each of them would cost five seconds, a few at the same time.
        assert time.monotonic() - began < 4


def open_files(service):
    """The soft limit of the server."""
    soft, _ = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    return soft


def test_the_limit_of_open_files_is_raised_at_the_start(tmp_path, program):
    wrapper = (program("prlimit"), "--nofile=256:9000")
    with running_service(tmp_path, wrapper=wrapper, disk_floor=0) as service:
        assert open_files(service) > 3 * 1700
        assert "files may be open" not in service.log.read_text()


def test_the_start_says_why_the_limit_was_not_raised(tmp_path, program):
    wrapper = (program("prlimit"), "--nofile=256:1024")
    with running_service(tmp_path, wrapper=wrapper, disk_floor=0) as service:
        assert open_files(service) == 1024
        assert "only 1024 files may be open at once" in service.log.read_text()
