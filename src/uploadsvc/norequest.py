"""
What is no HTTP request, and what it is told.

It never reaches the application. gunicorn would log it and send it back, with the contacts
and folder names that may stand in it; here it gets a true status and one sentence.
"""

import http

from gunicorn.http import errors

from uploadsvc.patience import HeadTooSlow

# RFC 9110 15.5.9, 15.5.15 and 15.5.18, RFC 6585 5, RFC 9112 6.1; every other flaw is a 400.
_STATUS: dict[type[Exception], int] = {
    HeadTooSlow: 408,
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}


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
