"""
The gunicorn worker: one thread that listens to all clients, and many that answer them.

No thread waits for a client that says nothing: new connections, those that are kept and
those whose client has yet to close its side stay with the one that listens. It answers by
itself what it can answer at once (`repeats`), and hands the rest on.
"""

import errno
import logging
import selectors
import time
from collections import deque
from datetime import timedelta
from functools import partial
from socket import SHUT_WR, socket
from typing import Any
from wsgiref.types import WSGIEnvironment

from gunicorn.workers.gthread import TConn, ThreadWorker

from uploadsvc import again, norequest, observe
from uploadsvc.observe import RequestLine
from uploadsvc.patience import PatientSocket
from uploadsvc.repeats import Asked, Known, Repeats

log = logging.getLogger(__name__)

# accept(2): what is the matter with the system, and with the one client.
_TOO_MUCH = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_GONE_ALREADY = {
    *(errno.EAGAIN, errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ETIMEDOUT),
    *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
}

_PAUSE_SECONDS = 0.1
_FAREWELL_SECONDS = 2.0
_NO_HURRY_SECONDS = 365 * 86400
_PIECE = 1 << 16
_ALIVE_SECONDS = 1.0


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
            if error.errno in _TOO_MUCH:
                log.warning("too many open files: new connections have to wait")
                # The listener stays readable: without a pause this would be asked all the time.
                time.sleep(_PAUSE_SECONDS)
            elif error.errno not in _GONE_ALREADY:
                raise
            return
        self.nr_conns += 1
        patient = PatientSocket.of(client, window=self.stall_seconds)
        connection = _Connection(self, patient, address, listener.getsockname())
        connection.set_timeout()
        self.pending_conns.append(connection)
        readable = partial(self.on_pending_socket_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, readable)
        if patient.is_readable():
            # Most clients have sent their request by now.
            readable(patient)

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

    def on_client_socket_readable(self, conn: _Connection, client: socket) -> None:
        """Called when something comes on a connection that was kept."""
        if not self._is_done_with(conn, self.keepalived_conns):
            super().on_client_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: _Connection, client: socket) -> None:
        """Called when something comes on a new connection."""
        if not self._is_done_with(conn, self.pending_conns):
            super().on_pending_socket_readable(conn, client)

    def _is_done_with(self, conn: _Connection, among: deque[_Connection]) -> bool:
        """
        Answer a question that came before, or close what the client has closed; else False.

        It costs less than to hand it to another thread, and threads that answer much at the
        same time only stand in each other's way.
        """
        if not self.alive:
            return False
        try:
            left = self._repeats.answer(conn)
        except OSError:
            among.remove(conn)
            self._forget(conn)
            return True
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
        try:
            more = connection.sock.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
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
        status = norequest.status_of(exc)
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
            client.sendall(norequest.answer(status))
        except OSError:
            log.debug("the client did not wait for its answer")


def worker(*, stall_timeout: timedelta) -> type[Worker]:
    """Return the worker class for gunicorn; see the setting `stall_timeout`."""
    return type("Worker", (Worker,), {"stall_seconds": stall_timeout.total_seconds()})
