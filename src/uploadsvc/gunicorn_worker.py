"""
The gunicorn worker: threads that answer requests, and what happens to what is none.

What is no HTTP request never reaches the application. gunicorn would log it and send it
back, with the contacts and folder names that may stand in it; here it gets a true status,
one sentence, and a log line without its words.
"""

import errno
import http
import logging
import time
from socket import socket
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from uploadsvc import observe
from uploadsvc.observe import RequestLine

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.1

# RFC 9110 15.5.15 and 15.5.18, RFC 6585 5, RFC 9112 6.1; every other flaw is a 400.
_STATUS: dict[type[Exception], int] = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def accept(self, listener: socket) -> None:
        """Take a connection; with no descriptor left for it, let it wait in the queue."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            log.warning("too many open files: new connections have to wait")
            # The listener stays readable: without a pause this would be asked all the time.
            time.sleep(_PAUSE_SECONDS)

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
