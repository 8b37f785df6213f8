"""Bodies read from gunicorn's socket: the same bytes as through gunicorn, and no more of them."""

import io
import itertools
import socket
import threading

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser, wsgi

from uploadsvc.web.wire import wire_reader
from waiting import eventually

BODY = bytes(range(256)) * 500


@pytest.fixture
def ends():
    server, client = socket.socketpair()
    with server, client:
        yield server, client


REQUEST = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()


def parsed(server):
    """gunicorn's own view of the next request on a connection: its parser, and the environ."""
    cfg = Config()
    parser = get_parser(cfg, server, ("127.0.0.1", 1))
    message = next(parser)
    _, environ = wsgi.create(message, server, ("127.0.0.1", 1), ("127.0.0.1", 2), cfg)
    return parser, environ


def read_all(read, size):
    return b"".join(iter(lambda: read(size), b""))


@pytest.mark.parametrize("size", [1000, 8192, 1 << 18])
@pytest.mark.parametrize("ahead", [0, 1, 5000])
def test_the_body_is_what_was_sent_whatever_gunicorn_has_read_of_it(ends, size, ahead):
    server, client = ends
    client.sendall(REQUEST + BODY[:ahead])
    _, environ = parsed(server)
    client.sendall(BODY[ahead:])

    assert read_all(wire_reader(environ), size) == BODY


def test_a_piece_is_handed_out_when_it_comes_and_not_when_it_is_full(ends):
    server, client = ends
    client.sendall(REQUEST)
    _, environ = parsed(server)
    client.sendall(b"abc")

    assert wire_reader(environ)(1 << 16) == b"abc"


@pytest.mark.parametrize("prompt", [True, False])
def test_a_prompt_reader_holds_nothing_back_and_any_other_fills_large_pieces(ends, prompt):
    server, client = ends
    half = len(BODY) // 2
    client.sendall(REQUEST + BODY[:half])
    _, environ = parsed(server)
    read, pieces = wire_reader(environ, prompt=prompt), []
    reading = threading.Thread(target=lambda: pieces.extend(iter(lambda: read(1 << 18), b"")))
    reading.start()
    came = eventually(lambda: sum(map(len, pieces)) == half, patience=60 if prompt else 0.2)
    client.sendall(BODY[half:])
    reading.join(timeout=60)

    assert came is prompt
    assert b"".join(pieces) == BODY


def test_the_next_request_on_the_connection_is_found_behind_the_body(ends):
    server, client = ends
    client.sendall(REQUEST + BODY + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    parser, environ = parsed(server)
    read_all(wire_reader(environ), 4096)

    assert next(parser).path == "/next"


def test_what_is_left_unread_is_known_to_gunicorn(ends):
    server, client = ends
    client.sendall(REQUEST + BODY + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    parser, environ = parsed(server)
    wire_reader(environ)(1000)

    assert next(parser).path == "/next"


def test_a_body_that_breaks_off_ends_early(ends):
    server, client = ends
    client.sendall(REQUEST + BODY[:1000])
    _, environ = parsed(server)
    client.close()

    assert read_all(wire_reader(environ), 4096) == BODY[:1000]


def test_when_reading_fails_gunicorn_knows_that_the_connection_is_of_no_use(ends):
    server, client = ends
    client.sendall(REQUEST + b"x")
    _, environ = parsed(server)
    read = wire_reader(environ)
    read(10)
    server.settimeout(0.01)

    with pytest.raises(TimeoutError):
        read(10)
    assert environ["wsgi.input"].failed


def chunked(server, client):
    client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    return parsed(server)[1]


def read_by_another(server, client):
    client.sendall(REQUEST + BODY)
    environ = parsed(server)[1]
    environ["wsgi.input"].readline()
    return environ


def wrapped(server, client):
    client.sendall(REQUEST + BODY)
    environ = parsed(server)[1]
    environ["wsgi.input"] = io.BufferedReader(io.BytesIO(BODY))
    return environ


def of_another_server(server, client):
    return {"wsgi.input": io.BytesIO(BODY)}


def on_another_socket(server, client):
    client.sendall(REQUEST + BODY)
    return parsed(server)[1] | {"gunicorn.socket": client}


@pytest.mark.parametrize(
    "make", [chunked, read_by_another, wrapped, of_another_server, on_another_socket]
)
def test_anything_else_is_left_to_the_server(ends, make):
    assert wire_reader(make(*ends)) is None


def test_no_byte_is_lost_by_any_order_of_sizes(ends):
    server, client = ends
    sizes = itertools.cycle([1, 7, 1000, 3, 1 << 16, 50])
    client.sendall(REQUEST + BODY)
    _, environ = parsed(server)
    read = wire_reader(environ)

    assert b"".join(iter(lambda: read(next(sizes)), b"")) == BODY
