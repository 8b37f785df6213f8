"""Which requests are plain questions, and which two of them are the same."""

import pytest

from uploadsvc.questions import question

PLAIN = b"GET /getpreview?addr=x HTTP/1.1\r\nHost: h\r\n\r\n"


def head(*lines, first="GET /getpreview?addr=x HTTP/1.1", host="Host: h"):
    return "\r\n".join([first, *([host] if host else []), *lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "lines",
    [
        ["User-Agent: A/1.0 (b; c)"],
        ["Cookie: a=b; c=d", "Referer: https://x.example/", "Accept-Encoding: gzip, br"],
        ["Connection: keep-alive", "Sec-Fetch-Mode: no-cors", "DNT: 1"],
    ],
)
def test_what_does_not_matter_makes_no_other_question_of_it(lines):
    assert question(head(*lines)) == question(PLAIN) is not None


@pytest.mark.parametrize(
    "other",
    [
        head(first="GET /getpreview?addr=y HTTP/1.1"),
        head(host="Host: other"),
        head("Accept: application/json"),
        head("X-Forwarded-Proto: https"),
        head("X-Forwarded-Host: other"),
        head("X-Forwarded-For: 192.0.2.1"),
    ],
)
def test_what_matters_makes_another_question_of_it(other):
    assert question(other) is not None
    assert question(other) != question(PLAIN)


@pytest.mark.parametrize(
    "hard",
    [
        head(first="POST /getpreview?addr=x HTTP/1.1"),
        head(first="HEAD /getpreview?addr=x HTTP/1.1"),
        head(first="GET /getpreview?addr=x HTTP/1.0"),
        head(first="GET http://h/getpreview?addr=x HTTP/1.1"),
        head(first="GET  /getpreview?addr=x HTTP/1.1"),
        head(first="GET /getpreview?addr=\xe4 HTTP/1.1"),
        head(host=None),
        head("Host: other"),
        head("Range: bytes=0-1"),
        head('If-None-Match: "x"'),
        head("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
        head('If-Match: "x"'),
        head('If-Range: "x"'),
        head("Content-Length: 0"),
        head("Transfer-Encoding: chunked"),
        head("Expect: 100-continue"),
        head("Upgrade: h2c"),
        head("Connection: close"),
        head("Connection: keep-alive, Range"),
        head("Uploadsvc-Fetch: 1"),
        head("X-Unheard-Of: 1"),
        head("Forwarded: host=other"),
        head("User-Agent: a", " folded"),
        head("User-Agent : a"),
        head("User-Agent: a\tb"),
        head("User-Agent:"),
        head("User_Agent: a"),
        PLAIN + b"x",
        PLAIN + PLAIN,
        PLAIN[:-2],
        PLAIN.replace(b"\r\n", b"\n"),
        b"",
    ],
)
def test_anything_else_is_not_judged(hard):
    assert question(hard) is None
