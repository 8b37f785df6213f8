"""
The gunicorn worker: one thread that listens to all clients, and many that answer them.

No thread waits for a client that says nothing: new connections, those that are kept and
those whose client has yet to close its side stay with the one that listens. It answers by
itself what it can answer at once (`repeats`), and hands the rest on. Only after an upload
its thread listens for a moment itself: uploads come in rows, and to hand a connection back
and get it again costs a third of what a small one costs.
"""

import contextlib
import errno
import logging
import selectors
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from socket import SHUT_WR, socket
from typing import Any
from wsgiref.types import WSGIEnvironment

from gunicorn.workers.gthread import ThreadWorker

from uploadsvc import again, norequest, observe
from uploadsvc.errors import Unavailable
from uploadsvc.gunicorn_connection import Connection
from uploadsvc.gunicorn_threads import Threads
from uploadsvc.observe import RequestLine
from uploadsvc.patience import HEAD_SECONDS, HeadTooSlow, PatientSocket
from uploadsvc.places import Places
from uploadsvc.repeats import Incomplete, Known, Repeats

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
_UPLOADS = frozenset({"POST", "PATCH"})
_MOMENT_SECONDS = 0.001
_LAST_SECONDS = 2.0
"""Before the end of a stop, in which uploads that can go on later are ended in order."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    stall_seconds = 30.0

    readers = Places(1000, refusal="too many clients are slow at the moment")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaving: deque[Connection] = deque()
        self._repeats = Repeats()
        self._notified = 0.0

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return Threads(max_workers=self.cfg.threads)

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
        connection = Connection(self, patient, address, listener.getsockname())
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
            grace = self.app.stop_grace
            self.cfg.set("graceful_timeout", grace)
            # What is cut without a word at the end would lose what has come and does not count yet.
            soon = threading.Timer(
                grace - min(_LAST_SECONDS, grace / 2), self.app.let_go_of_uploads
            )
            soon.daemon = True
            soon.start()
        super().handle_exit(sig, frame)

    def handle(self, conn: Connection) -> Any:
        """Called in a thread of the pool: answer a request, and uploads that follow at once."""
        kept = super().handle(conn)
        try:
            while kept is True and conn.is_uploading and self._goes_on(conn):
                kept = super().handle(conn)
        except OSError:
            # The client is gone.
            return False
        return kept

    def _goes_on(self, conn: Connection) -> bool:
        """
        Whether a request follows at once that this thread is to answer.

        What came before is answered here on the short way, and half a head is left to the
        thread that listens. Nobody waits for a thread meanwhile. Raise `OSError` when the
        client is gone.
        """
        if not self.alive or self.tpool.is_short():
            return False
        if conn.has_head():
            return True
        try:
            left = self._repeats.answer(conn, within=_MOMENT_SECONDS)
        except Incomplete:
            return False
        if left is not None:
            conn.send(left)
        return conn.has_head()

    def finish_request(self, conn: Connection, done: Future[Any]) -> None:
        """Called when a thread of the pool is done with a connection."""
        if self.alive and _is_kept(done) and conn.has_begun() and not conn.has_head():
            # What is there of the next request is no reason to hold a thread for the rest.
            self._listen_to(conn)
        else:
            super().finish_request(conn, done)

    def _listen_to(self, conn: Connection) -> None:
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        readable = partial(self.on_client_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Called with the head of a request."""
        conn.sock.expect_body()
        conn.is_uploading = req.method in _UPLOADS
        req.asked = conn.asked
        with conn.sock.answering():
            return super().handle_request(req, conn)

    def remember(self, req: Any, environ: WSGIEnvironment, resp: Any) -> None:
        """Called when a request was answered (see gunicorn's `post_request`)."""
        if again.KEY in environ and getattr(resp, "status_code", None) == 200:
            line = self.log.line(resp, environ, timedelta(0))
            self._repeats.remember(req.asked, Known(environ[again.KEY], line))

    def on_client_socket_readable(self, conn: Connection, client: socket) -> None:
        """Called when something comes on a connection that was kept."""
        if not self._is_done_with(conn, self.keepalived_conns):
            super().on_client_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: Connection, client: socket) -> None:
        """Called when something comes on a new connection."""
        if not self._is_done_with(conn, self.pending_conns):
            super().on_pending_socket_readable(conn, client)

    def _is_done_with(self, conn: Connection, among: deque[Connection]) -> bool:
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

    def let_go(self, connection: Connection) -> None:
        """Close a connection without losing its last answer (RFC 9112 9.6), waiting for nobody."""
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

    def _on_leaving(self, connection: Connection, client: socket) -> None:
        try:
            more = connection.sock.recv_at_hand(_PIECE)
        except OSError:
            more = b""
        if more is not None and not more:
            self._leaving.remove(connection)
            self._forget(connection)

    def _forget(self, connection: Connection, *, unfinished: bool = False) -> None:
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


def _is_kept(done: Future[Any]) -> bool:
    return not done.cancelled() and done.exception() is None and done.result() is True


def worker(*, stall_timeout: timedelta, readers: Places) -> type[Worker]:
    """Return the worker class for gunicorn; `readers` are for clients that take slowly."""
    return type(
        "Worker", (Worker,), {"stall_seconds": stall_timeout.total_seconds(), "readers": readers}
    )
