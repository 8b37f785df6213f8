"""A body whose reading another request ends, and the connection that it came on."""

import contextlib
import socket
import threading

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser, wsgi
from webob import Request

from uploadsvc.web.interruptible import InterruptibleBody, TakenOver

HEAD = b"PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"


@pytest.fixture
def ends():
    server, client = socket.socketpair()
    with server, client:
        server.settimeout(20)
        yield server, client


@pytest.fixture
def request_of(ends):
    server, client = ends
    client.sendall(HEAD)
    cfg = Config()
    parser = get_parser(cfg, server, ("127.0.0.1", 1))
    message = next(parser)
    _, environ = wsgi.create(message, server, ("127.0.0.1", 1), ("127.0.0.1", 2), cfg)
    return parser, Request(environ)


def test_reading_that_waits_is_ended_and_what_came_is_not_lost(ends, request_of):
    _, client = ends
    _, request = request_of
    body = InterruptibleBody(request)
    pieces = body.pieces()
    client.sendall(b"hello")
    came = next(pieces)
    end = threading.Timer(0.05, body.interrupt)
    end.start()

    with pytest.raises(TakenOver):
        next(pieces)
    end.join()
    assert came == b"hello"


def test_no_other_request_is_read_from_a_connection_that_was_shut(ends, request_of):
    _, client = ends
    parser, request = request_of
    body = InterruptibleBody(request)
    pieces = body.pieces()
    client.sendall(b"hello")
    next(pieces)
    end = threading.Timer(0.05, body.interrupt)
    end.start()
    with pytest.raises(TakenOver):
        next(pieces)
    end.join()
    with contextlib.suppress(BrokenPipeError):
        client.sendall(b"world" + HEAD)

    with pytest.raises(StopIteration):
        next(parser)


def test_when_the_body_was_read_the_connection_is_left_to_the_next_request(ends, request_of):
    _, client = ends
    parser, request = request_of
    body = InterruptibleBody(request)
    client.sendall(b"helloworld")
    pieces = body.pieces()
    came = next(pieces)
    body.interrupt()
    client.sendall(HEAD.replace(b"PATCH / ", b"PATCH /next "))

    assert came == b"helloworld"
    assert next(parser).path == "/next"


def test_one_that_was_interrupted_before_reads_nothing(ends, request_of):
    _, client = ends
    _, request = request_of
    body = InterruptibleBody(request)
    client.sendall(b"helloworld")
    body.interrupt()

    with pytest.raises(TakenOver):
        next(body.pieces())
