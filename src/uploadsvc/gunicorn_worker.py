"""
The gunicorn worker: one thread that listens to all clients, and many that answer them.

No thread waits for a client that says nothing: new connections, those that are kept and
those whose client has yet to close its side stay with the one that listens. It answers by
itself what it can answer at once (`repeats`), and hands the rest on.
"""

import contextlib
import errno
import logging
import selectors
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from socket import SHUT_WR, socket
from typing import Any
from wsgiref.types import WSGIEnvironment

from gunicorn.workers.gthread import TConn, ThreadWorker

from uploadsvc import again, norequest, observe
from uploadsvc.errors import Unavailable
from uploadsvc.observe import RequestLine
from uploadsvc.patience import HEAD_SECONDS, HeadTooSlow, PatientSocket
from uploadsvc.places import Places
from uploadsvc.repeats import Asked, Incomplete, Known, Repeats

log = logging.getLogger(__name__)

# accept(2): what is the matter with the one client, and not with the system.
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

    def has_begun(self) -> bool:
        """Whether a part of a request has come."""
        return self.initialized and bool(self.parser.unreader.buf.getbuffer().nbytes)

    def send(self, data: memoryview) -> bool:
        """Send the rest of an answer; return whether the connection may be kept."""
        self.sock.setblocking(True)
        self.sock.sendall(data)
        return True

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self._worker.let_go(self)
        else:
            super().close()


class _Threads(ThreadPoolExecutor):
    """Does with the threads that it has where the system allows no more."""

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError as error:
            if not self._threads:
                raise
            log.warning("no more threads than %d: %s", len(self._threads), error)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    stall_seconds = 30.0

    readers = Places(1000, refusal="too many clients are slow at the moment")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaving: deque[_Connection] = deque()
        self._repeats = Repeats()
        self._notified = 0.0

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return _Threads(max_workers=self.cfg.threads)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Have a place for a client that does not take its answer at once."""
        try:
            leave = self.readers.take()
        except Unavailable as error:
            raise BrokenPipeError(errno.EPIPE, str(error)) from error
        try:
            yield
        finally:
            leave()

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
            if error.errno not in _GONE_ALREADY:
                log.warning("new connections have to wait: %s", error.strerror)
                # The listener stays readable: without a pause this would be asked all the time.
                time.sleep(_PAUSE_SECONDS)
            return
        self.nr_conns += 1
        patient = PatientSocket.of(client, window=self.stall_seconds, readers=self._reading)
        connection = _Connection(self, patient, address, listener.getsockname())
        connection.timeout = time.monotonic() + min(HEAD_SECONDS, self.stall_seconds)
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
        else:
            self.cfg.set("graceful_timeout", self.app.stop_grace)
        super().handle_exit(sig, frame)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Called with the head of a request."""
        conn.sock.expect_body()
        req.asked = conn.asked
        return super().handle_request(req, conn)

    def remember(self, req: Any, environ: WSGIEnvironment, resp: Any) -> None:
        """Called when a request was answered (see gunicorn's `post_request`)."""
        if again.KEY in environ and getattr(resp, "status_code", None) == 200:
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
        if not self.alive or len(self.keepalived_conns) > self.max_keepalived:
            return False
        try:
            left = self._repeats.answer(conn)
        except Incomplete:
            # It is waited for here, where it costs no thread, for as long as before.
            return True
        except OSError:
            among.remove(conn)
            self._forget(conn)
            return True
        if left is None:
            return False
        among.remove(conn)
        if not left:
            # It is listened to for as long again: the last in the row.
            conn.set_timeout()
            self.keepalived_conns.append(conn)
            if among is not self.keepalived_conns:
                readable = partial(self.on_client_socket_readable, conn)
                self.poller.modify(conn.sock, selectors.EVENT_READ, readable)
            return True
        self.poller.unregister(conn.sock)
        # Whatever the client does not take at once is sent by a thread that may wait for it.
        sent = self.tpool.submit(conn.send, left)
        sent.add_done_callback(partial(self.method_queue.defer, self.finish_request, conn))
        return True

    def let_go(self, connection: _Connection) -> None:
        """Close a connection without losing its last answer (RFC 9112 9.6), waiting for nobody."""
        try:
            connection.sock.setblocking(False)
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

    def _forget(self, connection: _Connection, *, unfinished: bool = False) -> None:
        self.poller.unregister(connection.sock)
        self.nr_conns -= 1
        if unfinished:
            self.handle_error(None, connection.sock, connection.client, HeadTooSlow())
        connection.close(graceful=unfinished)

    def murder_pending(self) -> None:
        """Close what has said too little for too long, or not closed its side; once a second."""
        while self.pending_conns and self.pending_conns[0].timeout <= time.monotonic():
            connection = self.pending_conns.popleft()
            self._forget(connection, unfinished=connection.has_begun())
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


def worker(*, stall_timeout: timedelta, readers: Places) -> type[Worker]:
    """Return the worker class for gunicorn; `readers` are for clients that take slowly."""
    return type(
        "Worker", (Worker,), {"stall_seconds": stall_timeout.total_seconds(), "readers": readers}
    )
