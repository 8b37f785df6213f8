"""Questions that came before are answered at once; all others are left to gunicorn, untouched."""

import contextlib
import socket
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser

from uploadsvc.again import Answer
from uploadsvc.errors import Unavailable
from uploadsvc.observe import RequestLine
from uploadsvc.patience import PatientSocket
from uploadsvc.repeats import Incomplete, Known, Repeats

REQUEST = b"GET /getpreview?addr=x HTTP/1.1\r\nHost: h\r\n\r\n"
LINE = RequestLine("id", "192.0.2.1", "GET", "/getpreview", 200, 4, 0.1)
ANSWER = Answer([("Content-Type", "image/png"), ("Content-Length", "4")], b"\x89PNG")


@pytest.fixture
def ends():
    """A connection as a worker has it, with gunicorn's own parser, and the client's end."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        server = stack.enter_context(PatientSocket.of(listener.accept()[0], window=30))
        parser = get_parser(Config(), server, ("192.0.2.1", 1))
        connection = SimpleNamespace(
            sock=server, parser=parser, client=("192.0.2.1", 1), initialized=True, asked=None
        )
        yield connection, client


@pytest.fixture
def repeats():
    return Repeats()


def send(ends, data):
    """Send from the client, and wait until it has come."""
    connection, client = ends
    client.sendall(data)
    while not connection.sock.is_readable():
        pass


def knowing(repeats, ends, again=lambda: ANSWER):
    """Have the question asked once, and remember who answers it."""
    connection, _ = ends
    send(ends, REQUEST)
    assert repeats.answer(connection) is None
    assert next(connection.parser).path == "/getpreview"
    repeats.remember(connection.asked, Known(again, LINE))


def test_a_question_that_came_before_is_answered_whole(repeats, ends, caplog):
    caplog.set_level("INFO", logger="uploadsvc.requests")
    knowing(repeats, ends)
    send(ends, REQUEST)
    left = repeats.answer(ends[0])
    head, _, body = ends[1].recv(10_000).partition(b"\r\n\r\n")

    assert (left, body) == (b"", b"\x89PNG")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: ")
    assert head.endswith(b"Connection: keep-alive\r\nContent-Type: image/png\r\nContent-Length: 4")
    assert " 192.0.2.1 GET /getpreview 200 4 " in caplog.text


@pytest.mark.parametrize(
    "other",
    [
        REQUEST.replace(b"addr=x", b"addr=y"),
        REQUEST.replace(b"Host: h", b"Host: other"),
        REQUEST.replace(b"Host: h", b"Host: h\r\nRange: bytes=0-1"),
        REQUEST.replace(b"GET", b"HEAD"),
        b"nonsense " * 600 + b"\r\n\r\n",
    ],
)
def test_any_other_is_found_by_gunicorn_as_if_nobody_had_read_it(repeats, ends, other):
    knowing(repeats, ends)
    send(ends, other)

    assert repeats.answer(ends[0]) is None
    assert ends[0].parser.unreader.take_buffered() == other[:4096]


def refuse():
    raise Unavailable("too much is going on")


def break_down():
    raise OSError(5, "the disk")


@pytest.mark.parametrize("again", [lambda: None, refuse, break_down])
def test_one_that_cannot_be_answered_any_more_goes_the_long_way(repeats, ends, again):
    knowing(repeats, ends, again)
    send(ends, REQUEST)

    assert repeats.answer(ends[0]) is None
    assert ends[0].parser.unreader.take_buffered() == REQUEST


def test_half_a_head_is_waited_for(repeats, ends):
    knowing(repeats, ends)
    send(ends, REQUEST[:20])
    with pytest.raises(Incomplete):
        repeats.answer(ends[0])
    send(ends, REQUEST[20:])

    assert repeats.answer(ends[0]) == b""


def test_where_nothing_has_come_nothing_is_done(repeats, ends):
    assert repeats.answer(ends[0]) is None


def test_a_client_that_has_closed_is_told_apart(repeats, ends):
    ends[1].close()
    while not ends[0].sock.is_readable():
        pass

    with pytest.raises(OSError, match="closed"):
        repeats.answer(ends[0])


def test_what_is_not_plain_is_not_remembered(repeats):
    repeats.remember(None, Known(lambda: ANSWER, LINE))

    assert repeats._known == {}


def test_the_one_not_asked_for_longest_is_forgotten_first():
    repeats = Repeats(most=2)
    for name in (b"/a", b"/b", b"/a", b"/c"):
        repeats.remember(((name,), "192.0.2.1"), Known(lambda: ANSWER, LINE))

    assert [question for (question, _) in repeats._known] == [(b"/a",), (b"/c",)]
