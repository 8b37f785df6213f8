"""Sources that lie, stall and never end: each gives one clear error, in time."""

import gzip
import io
import time
import tracemalloc
from itertools import chain, repeat

import pytest

from fetch.servers import Upstream, ok
from uploadsvc.errors import SourceFailed, SourceTooSlow, TooLarge
from uploadsvc.fetch import Fetcher

pytestmark = pytest.mark.live

LIMIT = 1_000_000
PATIENT, SHORT = 10, 0.5
"""Seconds; those for cases that end by themselves, and for those that never would."""

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"

WAIT = object()
"""A piece that sends nothing, for a twentieth of a second."""


def length(*values):
    return HEAD + b"".join(b"Content-Length: %b\r\n" % value for value in values) + b"\r\n"


def slowly(data):
    return chain.from_iterable((WAIT, bytes([byte])) for byte in data)


ENDLESS = {
    "body without end": (chain, ([HEAD + b"\r\n"], repeat(b"x" * 65536)), TooLarge),
    "chunks without end": (chain, ([CHUNKED], repeat(CHUNK)), TooLarge),
    "body of 10 GB": (chain, ([length(b"10000000000")], repeat(b"x" * 65536)), TooLarge),
    "body of 10^19 bytes": (iter, ([length(b"9" * 19), b"x"],), TooLarge),
    "header without end": (chain, ([HEAD + b"X: "], repeat(b"x" * 65536)), SourceFailed),
    "headers without end": (chain, ([HEAD], repeat(b"X: y\r\n" * 5000)), SourceFailed),
    "status line without end": (chain, ([b"HTTP/1.1 200 "], repeat(b"x" * 65536)), SourceFailed),
    "chunk extension without end": (
        chain,
        ([CHUNKED + b"5;x="], repeat(b"x" * 65536)),
        SourceFailed,
    ),
    "trailers without end": (
        chain,
        ([CHUNKED + b"1\r\nx\r\n0\r\n"], repeat(b"X: y\r\n" * 5000)),
        SourceFailed,
    ),
}

SLOW = {
    "no answer": lambda: repeat(WAIT),
    "hints without end": lambda: repeat(b"HTTP/1.1 103 Hints\r\n\r\n"),
    "tiny chunks without end": lambda: chain([CHUNKED], repeat(b"1\r\nx\r\n" * 5000)),
    "status byte by byte": lambda: slowly(HEAD * 9),
    "headers byte by byte": lambda: chain([HEAD], slowly(b"X: y\r\n" * 90)),
    "body byte by byte": lambda: chain([length(b"1000")], slowly(b"x" * 1000)),
    "chunks byte by byte": lambda: chain([CHUNKED], slowly(b"1\r\nx\r\n" * 90)),
    "half a body, then nothing": lambda: chain([length(b"1000"), b"x" * 500], repeat(WAIT)),
    "whole body, no end": lambda: chain([HEAD + b"\r\npixels"], repeat(WAIT)),
}

LENGTHS = {
    "too big by one": length(b"7") + b"pixels",
    "too big by much": length(b"900000") + b"pixels",
    "negative": length(b"-1") + b"pixels",
    "signed": length(b"+6") + b"pixels",
    "hexadecimal": length(b"0x6") + b"pixels",
    "a fraction": length(b"6.0") + b"pixels",
    "empty": length(b"") + b"pixels",
    "a word": length(b"six") + b"pixels",
    "of 5,000 digits": length(b"9" * 5000) + b"pixels",
    "two that differ": length(b"6", b"7") + b"pixels",
    "a list that differs": length(b"6, 7") + b"pixels",
    "beside chunked": HEAD
    + b"Content-Length: 6\r\n"
    + CHUNKED[len(HEAD) :]
    + b"6\r\npixels\r\n0\r\n\r\n",
}

CODED = HEAD + b"Content-Encoding: %b\r\n\r\n"

BROKEN = {
    "nothing": b"",
    "garbage": bytes(range(256)) * 40,
    "HTTP/0.9": b"<html>pixels</html>",
    "HTTP/2": b"HTTP/2 200\r\n\r\npixels",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\npixels",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\npixels",
    "10,000 headers": HEAD
    + b"".join(b"X-%d: value\r\n" % i for i in range(10_000))
    + b"\r\npixels",
    "a header of 1 MB": HEAD + b"X: " + b"x" * LIMIT + b"\r\n\r\npixels",
    "a folded header before any other": HEAD + b" folded\r\n\r\npixels",
    "a header without a colon": HEAD + b"pixels\r\n\r\npixels",
    "a header with a space in its name": HEAD + b"Content Length: 6\r\n\r\npixels",
    "a null byte in a header": HEAD + b"X: a\0b\r\n\r\npixels",
    "cut in the status": b"HTTP/1.1 20",
    "cut in the headers": HEAD + b"Content-Ty",
    "cut in a chunk": CHUNKED + b"10\r\npixels",
    "cut between chunks": CHUNKED + b"6\r\npixels\r\n",
    "cut before the last line": CHUNKED + b"6\r\npixels\r\n0\r\n",
    "a chunk without a size": CHUNKED + b"pixels\r\n0\r\n\r\n",
    "a chunk of negative size": CHUNKED + b"-6\r\npixels\r\n0\r\n\r\n",
    "a chunk of a size of 40 digits": CHUNKED + b"f" * 40 + b"\r\npixels\r\n0\r\n\r\n",
    "gzip as transfer coding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\n" + CHUNKED[len(HEAD) :] + b"0\r\n\r\n",
    "gzip": CODED % b"gzip" + gzip.compress(b"pixels"),
    "gzip twice": CODED % b"identity, GZIP" + b"pixels",
    "brotli": CODED % b"br" + b"pixels",
    "an unknown coding": CODED % b"x-new" + b"pixels",
    "a redirect without a target": b"HTTP/1.1 302 Found\r\n\r\n",
    "a redirect with two": b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n",
    "a redirect to no text": b"HTTP/1.1 302 Found\r\nLocation: /\xff\r\n\r\n",
    "a redirect to no URL": b"HTTP/1.1 302 Found\r\nLocation: http://\r\n\r\n",
}

STATUSES = [
    100,
    101,
    201,
    204,
    206,
    300,
    304,
    305,
    306,
    400,
    401,
    403,
    407,
    429,
    500,
    503,
    599,
    999,
]


def fetch(pieces, seconds=PATIENT):
    """Fetch what these pieces make, in time; return what was written."""

    def answer(head, stop):
        for piece in pieces:
            if piece is not WAIT:
                yield piece
            elif stop.wait(0.05):
                return

    begin = time.monotonic()
    with Upstream(answer) as upstream:
        fetcher = Fetcher(allow=[upstream.place], max_bytes=LIMIT, seconds=seconds)
        try:
            fetcher.fetch(upstream.url(), into := io.BytesIO())
        finally:
            took = time.monotonic() - begin
            assert took < seconds + 30
    return into.getvalue()


@pytest.mark.parametrize("case", ENDLESS)
def test_what_never_ends_is_cut_off(case):
    make, arguments, error = ENDLESS[case]
    with pytest.raises(error):
        fetch(make(*arguments))


@pytest.mark.parametrize("case", SLOW)
def test_what_is_slow_is_given_up_at_the_deadline(case):
    with pytest.raises(SourceTooSlow):
        fetch(SLOW[case](), SHORT)


@pytest.mark.parametrize("case", LENGTHS)
def test_a_length_that_lies_is_never_believed(case):
    with pytest.raises(SourceFailed):
        fetch([LENGTHS[case]])


def test_what_follows_the_announced_length_is_not_read():
    assert fetch([length(b"3") + b"pixels"]) == b"pix"


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_or_coded_is_the_failure_of_the_source(case):
    with pytest.raises(SourceFailed) as error:
        fetch([BROKEN[case]])

    assert not isinstance(error.value, SourceTooSlow)


@pytest.mark.parametrize("status", STATUSES)
def test_any_other_status_is_the_failure_of_the_source(status):
    with pytest.raises(SourceFailed):
        fetch([f"HTTP/1.1 {status} Status\r\nContent-Type: image/png\r\n\r\n".encode()])


def test_a_header_folded_over_two_lines_is_read_or_refused_but_never_a_second_header():
    # RFC 9112, section 5.2: a client may replace the fold by spaces.
    assert fetch([HEAD + b"X: a\r\n Content-Length: 1\r\n\r\npixels"]) == b"pixels"


def test_memory_does_not_grow_with_what_is_sent():
    class Nowhere:
        def write(self, piece):
            pass

    def peak(into):
        with Upstream(lambda head, stop: chain([HEAD + b"\r\n"], repeat(b"x" * 65536))) as upstream:
            fetcher = Fetcher(allow=[upstream.place], max_bytes=10_000_000)
            tracemalloc.start()
            with pytest.raises(TooLarge):
                fetcher.fetch(upstream.url(), into)
            used = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return used

    assert peak(Nowhere()) < 2_000_000
    assert peak(io.BytesIO()) > 9_000_000


def test_the_cases_are_whole_answers_but_for_their_fault():
    assert fetch([ok(b"pixels")]) == b"pixels"
