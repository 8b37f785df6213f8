"""Lingering: a client that is refused while it sends is listened to, but not for ever."""

import contextlib
import socket
import threading

import pytest

from uploadsvc.web.linger import lingering

REFUSED = "413 Content Too Large"


@pytest.fixture
def connection():
    """The two ends of a connection: the server's and the client's."""
    server, client = socket.socketpair()
    server.settimeout(60)
    with server, client:
        yield server, client


def answered(server, *, method="POST", status=REFUSED, **options):
    """Answer a request of which nothing was read, as gunicorn does; return the answer."""

    def app(environ, start_response):
        start_response(status, [])
        return [b"an answer"]

    with server.makefile("rb") as body:
        environ = {"REQUEST_METHOD": method, "wsgi.input": body, "gunicorn.socket": server}
        answer = lingering(app, **options)(environ, lambda status, headers: None)
        told = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
    return told


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_what_a_refused_client_still_sends_is_read_to_its_end(connection, method):
    server, client = connection
    client.sendall(b"x" * 50_000)
    client.shutdown(socket.SHUT_WR)

    assert answered(server, method=method) == b"an answer"
    assert server.recv(1) == b""
    assert server.gettimeout() == 60, "it is as it was"


@pytest.mark.parametrize(("method", "status"), [("GET", REFUSED), ("POST", "200 OK")])
def test_only_a_body_that_was_refused_is_read_on(connection, method, status):
    server, client = connection
    client.sendall(b"x" * 50_000)
    client.shutdown(socket.SHUT_WR)

    assert answered(server, method=method, status=status) == b"an answer"
    assert server.recv(1) == b"x"


def test_a_client_that_sends_on_and_on_is_left_after_some_seconds(connection):
    server, client = connection

    def send():
        with contextlib.suppress(OSError):
            while True:
                client.sendall(b"x" * 1000)

    sending = threading.Thread(target=send)
    sending.start()
    assert answered(server, seconds=0.2) == b"an answer"
    server.close()
    sending.join(timeout=60)

    assert not sending.is_alive()


def test_a_client_that_trickles_or_falls_silent_is_left_after_some_seconds(connection):
    server, client = connection
    client.sendall(b"x")

    assert answered(server, seconds=0.2) == b"an answer"


def test_only_so_many_are_listened_to_at_once(connection):
    server, client = connection
    client.sendall(b"x" * 50_000)
    client.shutdown(socket.SHUT_WR)

    assert answered(server, at_once=0) == b"an answer"
    assert server.recv(1) == b"x"
