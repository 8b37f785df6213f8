"""
Answers questions that came before, on the short way: no parser, no WSGI, no WebOb.

What is kept is who makes an answer, never the answer itself: whether the file and its
source are still there is looked up each time.
"""

import contextlib
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import lru_cache
from threading import Lock
from typing import Any

from uploadsvc import observe
from uploadsvc.again import Again, Answer
from uploadsvc.errors import UploadsvcError
from uploadsvc.observe import RequestLine
from uploadsvc.questions import LARGEST_HEAD, Question, question

Asked = tuple[Question, str]
"""A question, and the address of the client: the log tells them apart."""


class Incomplete(Exception):
    """Only a part of the head of a request has come."""


@dataclass(frozen=True)
class Known:
    """A question that was answered."""

    again: Again
    line: RequestLine
    """What was logged of it."""


class Repeats:
    """Knows some thousand questions, those that came last; threads may share it."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._known: OrderedDict[Asked, Known] = OrderedDict()
        self._lock = Lock()

    def remember(self, asked: Asked | None, known: Known) -> None:
        """Remember how a question was answered; forget the one not asked for longest."""
        if asked is None:
            return
        with self._lock:
            self._known[asked] = known
            self._known.move_to_end(asked)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def answer(self, connection: Any, *, within: float = 0) -> memoryview | None:
        """
        Answer the request that has come on a connection of gunicorn's, or comes `within` so
        many seconds; its answer waits for nobody.

        Return what is left to be sent of the answer, empty when nothing is; None when the
        request is not known: then gunicorn finds it as if nobody had read it. Raise
        `Incomplete` when its head is not whole, and `OSError` when the client is gone.
        """
        began = time.perf_counter()
        connection.asked = None
        if not connection.initialized:
            connection.init()
        head = connection.sock.recv_at_hand(LARGEST_HEAD, within=within)
        if head is None:
            return None
        if not head:
            raise ConnectionResetError("the client has closed the connection")
        head = connection.parser.unreader.take_buffered() + head
        if b"\r\n\r\n" not in head and len(head) < LARGEST_HEAD:
            connection.parser.unreader.unread(head)
            raise Incomplete
        # Others are not even looked at: what is looked at is kept for a while, and they are long.
        if head.startswith(b"GET ") and (asked := question(head)) is not None:
            connection.asked = (asked, connection.client[0])
            if (known := self._find(connection.asked)) and (answer := _once_more(known)):
                left = _send(connection, answer)
                took = time.perf_counter() - began
                observe.log_request(replace(known.line, id=observe.new_request_id(), seconds=took))
                return left
        connection.parser.unreader.unread(head)
        return None

    def _find(self, asked: Asked) -> Known | None:
        with self._lock:
            if (known := self._known.get(asked)) is not None:
                self._known.move_to_end(asked)
            return known


def _once_more(known: Known) -> Answer | None:
    # What is wrong with the disk is told by the long way.
    with contextlib.suppress(UploadsvcError, OSError):
        return known.again()
    return None


def _send(connection: Any, answer: Answer) -> memoryview:
    left: memoryview = connection.sock.send_at_once(memoryview(_written(answer)))
    return left


def _written(answer: Answer) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    date = _date(int(time.time()))
    return (
        f"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: {date}\r\n"
        f"Connection: keep-alive\r\n{head}\r\n"
    ).encode("latin-1") + answer.body


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Return the Date header of a second since 1970 (RFC 9110 5.6.7)."""
    return formatdate(second, usegmt=True)
