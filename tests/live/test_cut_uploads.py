"""Uploads that are cut off, at any place and in any way: none is ever saved."""

import itertools
import os
import random
import re
import socket
import struct

import pytest
from webob import Request

from clients import BOUNDARY, file_form, raw
from waiting import eventually

pytestmark = pytest.mark.live


def browser_form():
    """A form with its file between two fields, as a browser sends it."""
    content_type, body = file_form(random.Random(1).randbytes(3000))
    after = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="device"\r\n\r\npc\r\n'
    end = f"--{BOUNDARY}--\r\n"
    return content_type, body.removesuffix(end.encode()) + (after + end).encode()


def phone_form():
    """A form as a phone sends it: a short boundary, the file last."""
    head = (
        '--+++++\r\nContent-Disposition: form-data; name="to"\r\n\r\na@b.example\r\n'
        '--+++++\r\nContent-Disposition: form-data; name="file1"; filename="image.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    data = random.Random(2).randbytes(3000)
    return "multipart/form-data; boundary=+++++", head.encode() + data + b"\r\n--+++++--\r\n"


def request_of(content, *, chunked):
    """The whole request, and where its body begins."""
    content_type, body = content
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = (
        "POST /sendfile HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\n"
        f"Content-Type: {content_type}\r\n{framing}\r\n\r\n"
    ).encode()
    if chunked:
        pieces = [body[start : start + 1024] for start in range(0, len(body), 1024)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return head + body, len(head)


def places_to_cut(request, start, count, chance):
    """Every place near a delimiter, and others at random, until there are enough."""
    near = {
        place + off
        for found in re.finditer(rb"\r\n--|--\r\n|\r\n0\r\n", request[start:])
        for place in (start + found.start(), start + found.end())
        for off in range(-3, 4)
    }
    near = sorted(place for place in near | {len(request) - 1} if start <= place < len(request))
    others = [place for place in range(start, len(request)) if place not in set(near)]
    near = near if len(near) <= count // 2 else chance.sample(near[:-1], count // 2) + near[-1:]
    return near + chance.sample(others, count - len(near))


def waits(connection):
    """Send no more, and take the answer."""
    connection.shutdown(socket.SHUT_WR)
    return connection.recv(1 << 16)


def leaves(connection):
    """Close the connection."""
    return b""


def breaks(connection):
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return b""


def stored(service):
    return set(os.listdir(service.storage))


def logged(service):
    return service.log.read_bytes()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("content", [browser_form(), phone_form()], ids=["browser", "phone"])
def test_an_upload_that_is_cut_off_is_never_saved(service, many, figure, content, chunked):
    before, log_before = stored(service), len(logged(service))
    request, start = request_of(content, chunked=chunked)
    places = places_to_cut(request, start, many(100, 1000) // 4, random.Random(3))
    ends = list(itertools.islice(itertools.cycle([waits, leaves, breaks]), len(places)))
    for place, end in zip(places, ends, strict=True):
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
            connection.sendall(request[:place])
            answer = end(connection)

        assert not answer or answer.startswith(b"HTTP/1.1 400 "), (place, answer)
    # A connection that is reset may be gone before the service has seen its request.
    seen = len(places) - ends.count(breaks)
    assert eventually(lambda: logged(service)[log_before:].count(b"POST /sendfile") >= seen)
    assert eventually(lambda: stored(service) == before), stored(service) - before
    assert b"Traceback" not in logged(service)[log_before:]

    kind = f"{content[0].rpartition('=')[2]!r}, {'chunked' if chunked else 'with a length'}"
    figure(f"uploads cut off: boundary {kind}", "none saved", f"0 of {len(places)} saved")
    whole = raw(service.port, request)
    assert whole.startswith(b"HTTP/1.1 200 "), "the same request, not cut, is an upload"
    assert len(stored(service) - before) == 1


def test_a_naive_service_takes_an_upload_that_was_cut_off(service, connect):
    content_type, body = browser_form()
    short = body[: body.index(b'name="device"') - 300]
    naive = Request.blank("/", method="POST", content_type=content_type, body=short)

    assert naive.POST["file1"].file.read(), "WebOb sees a whole file"
    headers = {"Content-Type": content_type}
    assert connect(service.port).ask("POST", "/sendfile", short, headers).status == 400
