import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fetch.servers import Upstream, answering, ok, redirect
from uploadsvc import __version__
from uploadsvc.errors import Missing, NotAllowed, SourceFailed, SourceTooSlow, TooLarge
from uploadsvc.fetch import LOOP_HEADER, Fetcher
from uploadsvc.fetch.backend import dial

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def fetch(upstream, path="/", **options):
    into = io.BytesIO()
    Fetcher(**{"allow": [upstream.place], **options}).fetch(upstream.url(path), into)
    return into.getvalue()


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"pixels"),
        ok(b"pixels", "Content-Encoding: identity"),
        ok(b"pixels", "Content-Type: text/html"),
        b"HTTP/1.1 200 OK\r\n\r\npixels",
        b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\npixels",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 6\r\n\r\npixels",
        CHUNKED + b"3\r\npix\r\n3\r\nels\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(b"pixels"),
    ],
)
def test_the_body_of_the_answer_is_written(answer):
    with Upstream(answering(answer)) as upstream:
        assert fetch(upstream) == b"pixels"


def test_the_body_is_written_in_pieces_and_never_held_whole():
    class Sizes:
        def __init__(self):
            self.sizes = []

        def write(self, piece):
            self.sizes.append(len(piece))

    with Upstream(answering(ok(b"x" * 3_000_000))) as upstream:
        Fetcher(allow=[upstream.place]).fetch(upstream.url(), into := Sizes())

    assert sum(into.sizes) == 3_000_000
    assert max(into.sizes) <= 1 << 18


def test_what_is_sent_is_this_and_nothing_else():
    with Upstream(answering(ok(b""))) as upstream:
        fetch(upstream, "/ä.png?q#fragment")

    assert upstream.requests[0].split("\r\n") == [
        "GET /%C3%A4.png?q HTTP/1.1",
        f"Host: {upstream.place}",
        f"User-Agent: uploadsvc/{__version__}",
        "Accept: image/*",
        "Accept-Encoding: identity",
        "Connection: close",
        f"{LOOP_HEADER}: 1",
        "",
        "",
    ]


def test_ipv6_is_spoken_too():
    with Upstream(answering(ok(b"pixels")), host="::1") as upstream:
        assert fetch(upstream) == b"pixels"
        assert f"Host: [::1]:{upstream.port}\r\n" in upstream.requests[0]


def test_the_next_address_is_tried_where_the_first_does_not_answer():
    tried = []

    def flaky(address, port, seconds):
        tried.append((str(address), seconds))
        if address.version == 6:
            raise TimeoutError
        return dial(address, port, seconds)

    with Upstream(answering(ok(b"pixels"))) as upstream:
        options = {
            "allow": [f"both.test:{upstream.port}"],
            "resolve": lambda host, port: ["::1", "127.0.0.1"],
            "dial": flaky,
        }
        Fetcher(**options).fetch(f"http://both.test:{upstream.port}/", into := io.BytesIO())

    assert into.getvalue() == b"pixels"
    assert [address for address, _ in tried] == ["::1", "127.0.0.1"]
    assert tried[0][1] <= 2.5


def test_a_connection_that_reached_somebody_else_is_dropped():
    with Upstream(answering(ok(b"pixels"))) as upstream:

        def diverted(address, port, seconds):
            return dial(type(address)("127.0.0.1"), upstream.port, seconds)

        with pytest.raises(NotAllowed):
            Fetcher(resolve=lambda *_: ["8.8.8.8"], dial=diverted).fetch("http://a.test/", None)

        assert upstream.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status):
    def answer(head, stop):
        yield ok(b"pixels") if "GET /b " in head else redirect("/b", status)

    with Upstream(answer) as upstream:
        assert fetch(upstream, "/a") == b"pixels"


def hops(head, stop):
    """/3 redirects to /2, and so on; /0 is the picture."""
    left = int(head.split()[1][1:])
    yield redirect(f"/{left - 1}") if left else ok(b"pixels")


def test_three_redirects_are_followed():
    with Upstream(hops) as upstream:
        assert fetch(upstream, "/3") == b"pixels"


def test_one_more_is_the_failure_of_the_source():
    with Upstream(hops) as upstream, pytest.raises(SourceFailed):
        fetch(upstream, "/4")

    assert len(upstream.requests) == 4


def test_a_redirect_may_lead_to_another_host_that_is_allowed():
    with (
        Upstream(answering(ok(b"pixels"))) as other,
        Upstream(answering(redirect(other.url()))) as upstream,
    ):
        assert fetch(upstream, allow=[upstream.place, other.place]) == b"pixels"
        with pytest.raises(NotAllowed):
            fetch(upstream)


@pytest.mark.parametrize("status", [404, 410])
def test_what_the_source_does_not_have_is_missing(status):
    with (
        Upstream(answering(f"HTTP/1.1 {status} Gone\r\n\r\nnothing".encode())) as upstream,
        pytest.raises(Missing),
    ):
        fetch(upstream)


def test_a_closed_port_is_the_failure_of_the_source():
    with Upstream(answering()) as upstream:
        pass
    with pytest.raises(SourceFailed):
        fetch(upstream)


@pytest.mark.parametrize("sent", [b"", ok(b"pixels")[:-3]])
def test_a_connection_that_is_reset_is_the_failure_of_the_source(sent):
    with Upstream(answering(sent), resets=True) as upstream, pytest.raises(SourceFailed):
        fetch(upstream)


def test_an_address_that_does_not_answer_is_too_slow():
    def silent(address, port, seconds):
        raise TimeoutError

    with pytest.raises(SourceTooSlow):
        Fetcher(dial=silent).fetch("http://8.8.8.8/", io.BytesIO())


def test_a_body_of_exactly_the_limit_is_welcome():
    with Upstream(answering(ok(b"x" * 1000))) as upstream:
        assert len(fetch(upstream, max_bytes=1000)) == 1000


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"x" * 1001),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"
        + b"x" * 1001
        + b"\r\n0\r\n\r\n",
    ],
)
def test_one_byte_more_is_too_large(answer):
    with Upstream(answering(answer)) as upstream, pytest.raises(TooLarge):
        fetch(upstream, max_bytes=1000)


def test_too_large_by_its_announcement_is_refused_before_the_body():
    def announce(head, stop):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"
        stop.wait(5)

    with Upstream(announce) as upstream, pytest.raises(TooLarge):
        fetch(upstream, max_bytes=1000)


def test_the_time_of_all_redirects_counts_together():
    def slow(head, stop):
        stop.wait(0.15)
        yield redirect("/again")

    with Upstream(slow) as upstream, pytest.raises(SourceTooSlow):
        fetch(upstream, seconds=0.4)


def test_a_full_disk_is_not_the_fault_of_the_source():
    class Full:
        def write(self, piece):
            raise OSError(28, "No space left on device")

    with (
        Upstream(answering(ok(b"pixels"))) as upstream,
        pytest.raises(OSError, match="No space left"),
    ):
        Fetcher(allow=[upstream.place]).fetch(upstream.url(), Full())


def test_many_threads_may_use_one_fetcher():
    with Upstream(lambda head, stop: [ok(head.split()[1].encode() * 5000)]) as upstream:
        fetcher = Fetcher(allow=[upstream.place])

        def get(number):
            fetcher.fetch(upstream.url(f"/{number}"), into := io.BytesIO())
            return into.getvalue()

        with ThreadPoolExecutor(16) as pool:
            bodies = list(pool.map(get, range(100)))

    assert bodies == [f"/{number}".encode() * 5000 for number in range(100)]


def test_nothing_is_left_open_or_running():
    before = set(threading.enumerate())
    with Upstream(hops) as upstream:
        fetch(upstream, "/3")

    assert set(threading.enumerate()) <= before
