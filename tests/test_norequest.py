"""What is no request gets a true status and one sentence."""

import pytest
from gunicorn.http import errors

from uploadsvc.norequest import answer, status_of
from uploadsvc.patience import HeadTooSlow


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (HeadTooSlow(), 408),
        (errors.LimitRequestLine(9, 8), 414),
        (errors.LimitRequestHeaders("too many"), 431),
        (errors.UnsupportedTransferCoding("x"), 501),
        (errors.InvalidRequestLine("x"), 400),
        (errors.InvalidHTTPVersion("9.9"), 400),
        (errors.InvalidResponseHeader("of ours"), 500),
        (ZeroDivisionError(), 500),
    ],
)
def test_each_flaw_has_its_status(error, status):
    assert status_of(error) == status


@pytest.mark.parametrize("status", [400, 408, 500])
def test_the_answer_is_whole_and_nobody_keeps_it(status):
    head, _, body = answer(status).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Cache-Control: no-store" in head
    assert b"Content-Length: %d" % len(body) in head
