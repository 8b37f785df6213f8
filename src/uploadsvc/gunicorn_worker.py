"""
The gunicorn worker: threads that answer requests, and what happens to what is none.

What is no HTTP request never reaches the application. gunicorn would log it and send it
back, with the contacts and folder names that may stand in it; here it gets a true status,
one sentence, and a log line without its words.
"""

import contextlib
import errno
import http
import logging
import selectors
import time
from collections import deque
from datetime import timedelta
from functools import partial
from socket import SHUT_WR, socket
from typing import Any
from wsgiref.types import WSGIEnvironment

from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker

from uploadsvc import again, observe
from uploadsvc.observe import RequestLine
from uploadsvc.patience import HeadTooSlow, PatientSocket
from uploadsvc.repeats import Asked, Known, Repeats

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.1
_FAREWELL_SECONDS = 2.0
_NO_HURRY_SECONDS = 365 * 86400
_PIECE = 1 << 16
_ALIVE_SECONDS = 1.0

# RFC 9110 15.5.9, 15.5.15 and 15.5.18, RFC 6585 5, RFC 9112 6.1; every other flaw is a 400.
_STATUS: dict[type[Exception], int] = {
    HeadTooSlow: 408,
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}


class _Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A client's connection, which a worker closes in its own way."""

    asked: Asked | None = None
    """What its last request was, if that may come again."""

    def __init__(self, worker: "Worker", client: PatientSocket, address: Any, server: Any) -> None:
        super().__init__(worker.cfg, client, address, server)
        self._worker = worker

    def init(self) -> None:
        """Called before each request is read."""
        super().init()
        self.sock.expect_head()

    def send(self, data: bytes) -> bool:
        """Send the rest of an answer; return whether the connection may be kept."""
        self.sock.setblocking(True)
        self.sock.sendall(data)
        return True

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self._worker.let_go(self)
        else:
            super().close()


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """
    No thread waits for a client that says nothing: new connections, and those whose client
    has yet to close its side, stay with the one that listens to all of them.
    """

    stall_seconds = 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaving: deque[_Connection] = deque()
        self._repeats = Repeats()
        self._notified = 0.0

    def notify(self) -> None:
        """Tell the arbiter that this worker is alive; called each time that anything happened."""
        if time.monotonic() > self._notified + _ALIVE_SECONDS:
            self._notified = time.monotonic()
            super().notify()

    def accept(self, listener: socket) -> None:
        """Take a connection; with no descriptor left for it, let it wait in the queue."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                log.warning("too many open files: new connections have to wait")
                # The listener stays readable: without a pause this would be asked all the time.
                time.sleep(_PAUSE_SECONDS)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        patient = PatientSocket.of(client, window=self.stall_seconds)
        connection = _Connection(self, patient, address, listener.getsockname())
        connection.set_timeout()
        self.pending_conns.append(connection)
        readable = partial(self.on_pending_socket_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, readable)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Called at SIGTERM: end, with time for what is running."""
        if self.app.is_replaced():
            # Nobody waits for this process: whoever still uploads may take as long as it takes.
            self.cfg.set("graceful_timeout", _NO_HURRY_SECONDS)
        super().handle_exit(sig, frame)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Called with the head of a request."""
        conn.sock.expect_body()
        req.asked = conn.asked
        return super().handle_request(req, conn)

    def remember(self, req: Any, environ: WSGIEnvironment, resp: Any) -> None:
        """Called when a request was answered (see gunicorn's `post_request`)."""
        if resp is not None and resp.status_code == 200 and again.KEY in environ:
            line = self.log.line(resp, environ, timedelta(0))
            self._repeats.remember(req.asked, Known(environ[again.KEY], line))

    def on_client_socket_readable(self, conn: "_Connection", client: socket) -> None:
        """Called when something comes on a connection that was kept."""
        if not self._answer_again(conn, self.keepalived_conns):
            super().on_client_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: "_Connection", client: socket) -> None:
        """Called when something comes on a new connection."""
        if not self._answer_again(conn, self.pending_conns):
            super().on_pending_socket_readable(conn, client)

    def _answer_again(self, conn: "_Connection", among: "deque[_Connection]") -> bool:
        """
        Answer a question that came before, in this thread; False when it is none.

        It costs less than to hand it to another thread, and threads that answer much at the
        same time only stand in each other's way.
        """
        if not self.alive:
            return False
        left = self._repeats.answer(conn)
        if left is None:
            return False
        among.remove(conn)
        if not left and among is self.keepalived_conns:
            # It is listened to as before, for as long again: the last in the row.
            conn.set_timeout()
            among.append(conn)
            return True
        self.poller.unregister(conn.sock)
        # Whatever the client does not take at once is sent by a thread that may wait for it.
        sent = self.tpool.submit(conn.send, left)
        sent.add_done_callback(partial(self.method_queue.defer, self.finish_request, conn))
        return True

    def let_go(self, connection: _Connection) -> None:
        """Close a connection without losing its last answer (RFC 9112 9.6), waiting for nobody."""
        connection.sock.setblocking(False)
        try:
            connection.sock.shutdown(SHUT_WR)
        except OSError:
            connection.close()
            return
        self.nr_conns += 1
        connection.timeout = time.monotonic() + _FAREWELL_SECONDS
        self._leaving.append(connection)
        self.poller.register(
            connection.sock, selectors.EVENT_READ, partial(self._on_leaving, connection)
        )

    def _on_leaving(self, connection: _Connection, client: socket) -> None:
        with contextlib.suppress(BlockingIOError):
            with contextlib.suppress(ConnectionError):
                if connection.sock.recv(_PIECE):
                    return
            self._leaving.remove(connection)
            self._forget(connection)

    def _forget(self, connection: _Connection) -> None:
        self.poller.unregister(connection.sock)
        self.nr_conns -= 1
        connection.close()

    def murder_pending(self) -> None:
        """Close what has said nothing for too long, or not closed its own side; once a second."""
        super().murder_pending()
        while self._leaving and self._leaving[0].timeout <= time.monotonic():
            self._forget(self._leaving.popleft())

    def handle_error(self, req: Any, client: socket, addr: Any, exc: Exception) -> None:
        """Answer what could not be read as a request, or could not be answered at all."""
        status = status_of(exc)
        address = addr[0] if isinstance(addr, tuple) else "-"
        if status == 500:
            log.error("a request could not be answered", exc_info=exc)
        observe.log_request(
            RequestLine(
                id=observe.request_id({}),
                client=address,
                method="-",
                path="-",
                status=status,
                bytes=0,
                seconds=0,
            )
        )
        try:
            client.sendall(answer(status))
        except OSError:
            log.debug("the client did not wait for its answer")


def status_of(error: Exception) -> int:
    """Return the status of what gunicorn says of a request that it cannot read."""
    if isinstance(error, (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)):
        return 500
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return status
    return 400 if isinstance(error, (errors.ParseException, errors.InvalidHTTPVersion)) else 500


def worker(*, stall_timeout: timedelta) -> type[Worker]:
    """Return the worker class for gunicorn; see the setting `stall_timeout`."""
    return type("Worker", (Worker,), {"stall_seconds": stall_timeout.total_seconds()})


def answer(status: int) -> bytes:
    """Return a whole HTTP answer that says what is wrong and nothing of the request."""
    phrase = http.HTTPStatus(status).phrase
    sentence = "this is not a request that can be read\n" if status != 500 else "something broke\n"
    return (
        f"HTTP/1.1 {status} {phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(sentence)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"\r\n{sentence}"
    ).encode()
