"""
A client's connection that bears with slow clients, and not with those that stand still.

A request's head has a few seconds in all. A body must bring 4 KB in each window of time; an
answer must be taken, however slowly. A thread that waits holds no buffer, so that hundreds
of them cost little.
"""

import errno
import fcntl
import os
import select
import socket
import struct
import termios
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

HEAD_SECONDS = 10.0
_LEAST = 4096
"""Bytes of a body that each window must bring."""

_WINDOWS_OF_AN_ANSWER = 4
"""A reader that takes little at a time is told apart from one that takes nothing by waiting
longer: its system only says that there is room again when there is much."""

_LARGEST_SENDFILE = 1 << 20
_LARGEST_UNSENT = 1 << 17


class HeadTooSlow(Exception):
    """The head of a request did not come in time."""


class BodyStalled(TimeoutError):
    """A body stands still, or all but stands still."""


class PatientSocket(socket.socket):
    """
    A connected stream socket, in blocking mode.

    With a timeout (`settimeout`), reading and sending end as with an ordinary socket. Nothing
    that is set for a wait is told to the system before there is one: most requests are there
    when they are read, and each call costs more than what it does.
    """

    _window: float
    _readers: Callable[[], AbstractContextManager[None]]
    _clock: Callable[[], float]
    _until = 0.0
    _wanted: int | None = None
    _seconds = _told_seconds = 0.0
    _timeout: float | None = None
    _awaits_head = False
    _head = b""

    file_bytes = 0
    """Bytes of files that were sent since the head of the last request."""

    @classmethod
    def of(
        cls,
        connection: socket.socket,
        *,
        window: float,
        readers: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Callable[[], float] = monotonic,
    ) -> "PatientSocket":
        """
        Take a TCP connection over; `window` is in seconds.

        `readers` is entered while a client does not take what it is sent, and raises to have
        it left.
        """
        patient = cls(fileno=connection.detach())
        patient._window = window
        patient._readers = readers
        patient._clock = clock
        # The kernel itself ends a call that waits too long: no other call is needed for that.
        patient.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(window))
        # What slow clients have not taken waits in the file, not in the kernel's memory.
        patient.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _LARGEST_UNSENT)
        return patient

    def expect_head(self) -> None:
        """From now on the head of a request is read; raises `HeadTooSlow` when it is late."""
        self.file_bytes = 0
        self._wanted = None
        self._wait_at_most(min(HEAD_SECONDS, self._window))

    def expect_body(self) -> None:
        """From now on a body is read; raises `BodyStalled` when it stands still."""
        self._wanted = _LEAST
        self._wait_at_most(self._window)

    def setblocking(self, flag: bool) -> None:
        """Go on in blocking mode: who must not wait says so in each call."""
        self._timeout = None

    def settimeout(self, value: float | None) -> None:
        self._timeout = value

    def gettimeout(self) -> float | None:
        return self._timeout

    def recv(self, size: int, flags: int = 0) -> bytes:
        self._flush()
        if self._timeout is not None:
            with self._limited(self._timeout):
                return super().recv(size, flags)
        self._wait_for(self._seconds)
        if self._wanted is not None and self._clock() > self._until:
            # It was the disk that took so long, not the client.
            self._until = self._clock() + self._window
        try:
            data = super().recv(size, flags)
        except BlockingIOError:
            raise self._late() from None
        if self._wanted is not None:
            self._wanted -= len(data)
            if self._wanted <= 0:
                self._wanted = _LEAST
                self._until = self._clock() + self._window
                return data
        if data and self._clock() > self._until:
            raise self._late()
        return data

    def is_readable(self) -> bool:
        """Whether something can be read now."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(0))

    def recv_at_hand(self, size: int, *, within: float = 0) -> bytes | None:
        """
        Return what can be read now, or within so many seconds: empty at the end, None when
        there is nothing.
        """
        if within:
            self._wait_for(within)
        try:
            return super().recv(size, 0 if within else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    @contextmanager
    def answering(self) -> Iterator[None]:
        """
        Send one answer in the body of the `with`, its head first.

        The head waits for what follows it, and both go as one: each sending wakes the client
        up, and costs as much as a tenth of a small upload.
        """
        self._awaits_head, self._head = True, b""
        try:
            yield
        except BaseException:
            self._awaits_head, self._head = False, b""
            raise
        self._awaits_head = False
        self._flush()

    def send_at_once(self, data: memoryview, flags: int = 0) -> memoryview:
        """Send what is taken without waiting; return the rest."""
        try:
            return data[super().send(data, socket.MSG_DONTWAIT | flags) :]
        except BlockingIOError:
            return data

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        if self._timeout is not None:
            with self._limited(self._timeout):
                super().sendall(data, flags)
            return
        if self._awaits_head:
            self._awaits_head, self._head = False, bytes(data)
            return
        if self._head:
            data, self._head = self._head + bytes(data), b""
        left = self.send_at_once(memoryview(data).cast("B"), flags)
        if not left:
            return
        # Whoever takes little at a time holds a thread, and so a place.
        with self._readers():
            while left:
                try:
                    left = left[super().send(left, flags) :]
                except BlockingIOError:
                    self._wait_for_room()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send `count` bytes of the file from `offset` on, by the kernel alone."""
        if count is None:
            count = os.fstat(file.fileno()).st_size - offset
        if count:
            # MSG_MORE (send(2)): the head goes with the first bytes of the file.
            self._flush(socket.MSG_MORE)
        sent = 0
        while sent < count:
            piece = min(count - sent, _LARGEST_SENDFILE)
            try:
                moved = os.sendfile(self.fileno(), file.fileno(), offset + sent, piece)
            except BlockingIOError:
                self._wait_for_room()
                continue
            if not moved:
                raise BrokenPipeError(errno.EPIPE, "the file became shorter while it was sent")
            sent += moved
            self.file_bytes += moved
        return sent

    def _flush(self, flags: int = 0) -> None:
        """Send the head of an answer that was to wait for what follows it."""
        if self._head:
            head, self._head = self._head, b""
            self.sendall(head, flags)

    def _wait_for(self, seconds: float) -> None:
        """Let the kernel end each call of `recv` after so many seconds."""
        if seconds != self._told_seconds:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds))
            self._told_seconds = seconds

    @contextmanager
    def _limited(self, seconds: float) -> Iterator[None]:
        super().settimeout(seconds)
        try:
            yield
        finally:
            super().settimeout(None)

    def _wait_at_most(self, seconds: float) -> None:
        self._until = self._clock() + seconds
        self._seconds = seconds

    def _late(self) -> Exception:
        if self._wanted is None:
            return HeadTooSlow()
        return BodyStalled(errno.ETIMEDOUT, "the body stands still")

    def _wait_for_room(self) -> None:
        """Nothing was taken in a window: raise `BrokenPipeError` when nothing is in more."""
        waiting = self._waiting_bytes()
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        for _ in range(_WINDOWS_OF_AN_ANSWER - 1):
            if poll.poll(self._window * 1000) or self._waiting_bytes() < waiting:
                return
        raise BrokenPipeError(errno.EPIPE, "the client takes nothing of its answer")

    def _waiting_bytes(self) -> int:
        """How many bytes were sent and not taken yet (tcp(7), SIOCOUTQ)."""
        answer = fcntl.ioctl(self.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])


def _timeval(seconds: float) -> bytes:
    whole = int(seconds)
    # No time at all would mean: for ever.
    return struct.pack("ll", whole, max(1, int((seconds - whole) * 1_000_000)))
