"""Bodies in chunks, read from gunicorn as they come: the same bytes, and none of them late."""

import io
import itertools
import socket
import threading

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser, wsgi
from gunicorn.http.errors import InvalidChunkSize, NoMoreData

from uploadsvc.web.chunks import chunk_reader

BODY = bytes(range(256)) * 500
HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def ends():
    server, client = socket.socketpair()
    with server, client:
        server.settimeout(20)
        yield server, client


def parsed(server):
    cfg = Config()
    parser = get_parser(cfg, server, ("127.0.0.1", 1))
    message = next(parser)
    _, environ = wsgi.create(message, server, ("127.0.0.1", 1), ("127.0.0.1", 2), cfg)
    return parser, environ


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def whole(size):
    pieces = [BODY[n : n + size] for n in range(0, len(BODY), size)]
    return b"".join(map(chunk, pieces)) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 1000, 8192, 60_000, len(BODY)])
def test_the_body_is_what_was_sent_whatever_its_chunks(ends, size):
    server, client = ends
    sizes = itertools.cycle([1, 7, 1 << 16, 1000])
    sending = threading.Thread(target=client.sendall, args=(HEAD + whole(size),))
    sending.start()
    _, environ = parsed(server)
    read = chunk_reader(environ)
    came = b"".join(iter(lambda: read(next(sizes)), b""))
    sending.join()

    assert came == BODY


def test_what_has_come_is_handed_out_before_the_client_breaks_off(ends):
    server, client = ends
    client.sendall(HEAD + chunk(b"hello ") + b"5\r\nwor")
    _, environ = parsed(server)
    client.shutdown(socket.SHUT_WR)
    read = chunk_reader(environ)

    assert read(1 << 16) == b"hello "
    assert read(1 << 16) == b"wor"
    with pytest.raises(NoMoreData):
        read(1 << 16)
    assert environ["wsgi.input"].failed


def test_a_chunk_that_is_none_is_told(ends):
    server, client = ends
    client.sendall(HEAD + chunk(b"hello") + b"many\r\nx\r\n")
    _, environ = parsed(server)
    read = chunk_reader(environ)

    assert read(1 << 16) == b"hello"
    with pytest.raises(InvalidChunkSize):
        read(1 << 16)


def test_the_next_request_on_the_connection_is_found_behind_the_body(ends):
    server, client = ends
    client.sendall(HEAD + whole(1000) + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    parser, environ = parsed(server)
    read = chunk_reader(environ)
    b"".join(iter(lambda: read(4096), b""))

    assert next(parser).path == "/next"


def test_what_is_left_unread_is_known_to_gunicorn(ends):
    server, client = ends
    client.sendall(HEAD + whole(1000) + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    parser, environ = parsed(server)
    chunk_reader(environ)(100)

    assert next(parser).path == "/next"


def with_a_length(server, client):
    client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
    return parsed(server)[1]


def read_by_another(server, client):
    client.sendall(HEAD + whole(1000))
    environ = parsed(server)[1]
    environ["wsgi.input"].readline()
    return environ


def of_another_server(server, client):
    return {"wsgi.input": io.BytesIO(BODY)}


@pytest.mark.parametrize("make", [with_a_length, read_by_another, of_another_server])
def test_anything_else_is_left_to_the_server(ends, make):
    assert chunk_reader(make(*ends)) is None
