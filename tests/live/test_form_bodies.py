"""Real, broken and hostile form bodies: taken whole or refused, and nothing between."""

import os
import re
import time

import pytest
from webob import Request

from clients import BOUNDARY, Trickle, form, part, raw
from form_corpus import (
    after_a_file,
    browser_bodies,
    every_body,
    files_of,
    fuzzed_bodies,
    old_path_body,
    parser_vectors,
    raw_requests,
    with_one_file,
)
from uploadsvc.errors import UploadsvcError
from uploadsvc.web.errors import status_of
from uploadsvc.web.forms import FileForm

pytestmark = pytest.mark.live

SECONDS = 20
# Text like a delimiter inside a part, a boundary that is not the body's, a number in a header.
STRICTLY_REFUSED = {
    "almost_match_boundary_without_CR",
    "almost_match_boundary_without_LF",
    "almost_match_boundary_without_final_hyphen",
    "header_with_number",
    "single_field_blocks",
}


def post(connection, boundary, body, target="/sendfile?to=a@b.example"):
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Accept": "application/json",
    }
    begun = time.monotonic()
    answer = connection.ask("POST", target, body, headers)

    assert time.monotonic() - begun < SECONDS
    return answer


def stored(service):
    return set(os.listdir(service.storage))


def two_names():
    """A form whose file has two heads, each with a name."""
    head = b'Content-Disposition: form-data; name="file1"; filename="%s"\r\n'
    return form(part("file1", b"data", filename="a"))[1].replace(
        b"\r\nContent-Disposition", b"\r\n" + head % b"b" + b"Content-Disposition"
    )


WHOLE = form(part("to", "a@b.example"), part("file1", b"data", filename="a.bin"))[1]
END = f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        two_names(),
        WHOLE.removesuffix(END),
        WHOLE.removesuffix(END) + END[:-3],
        WHOLE + WHOLE,
        WHOLE + b"x" * 5000,
        WHOLE.replace(b"\r\n", b"\n"),
        WHOLE.replace(b"form-data; ", b""),
        WHOLE.replace(b'"a.bin"', b'"a.bin"; filename="b"'),
        WHOLE.replace(b'"a.bin"', b"\"a.bin\"; filename*=UTF-8''b"),
        WHOLE.replace(b"a.bin", b"a\xff"),
        WHOLE.replace(b"a.bin", b""),
        WHOLE.replace(b"file1", b"file2"),
        WHOLE.replace(b"Content-Type: ", b"X-Long: " + b"x" * 5000 + b"\r\nContent-Type: "),
        form(*[part(f"f{number}", "x") for number in range(200)])[1],
        form(part("to", "x" * 100_000), part("file1", b"data", filename="a"))[1],
        END,
        b"\0" * 10_000,
    ],
)
def test_forms_that_are_wrong_are_refused_and_nothing_is_kept(service, connect, body):
    connection, before = connect(service.port), stored(service)

    assert post(connection, BOUNDARY, WHOLE).status == 201
    kept = stored(service)
    assert post(connection, BOUNDARY, body).status == 400
    assert stored(service) == kept != before


def test_bodies_that_a_fuzzer_found_are_refused(service, connect, corpus, some, figure):
    connection, before = connect(service.port), stored(service)
    bodies = some(fuzzed_bodies(corpus("multipart")), 10)
    for name, boundary, body in bodies:
        assert 400 <= post(connection, boundary, body).status < 500, name
    assert bodies
    assert stored(service) == before

    taken = 0
    for name, boundary, body in bodies:
        answer = post(connection, boundary, after_a_file(boundary, body))
        taken += answer.status == 201

        assert answer.status in (201, 400), (name, answer)
    assert len(stored(service) - before) == taken, "what was refused was not kept"
    figure("form bodies: found by a fuzzer", "no 5xx, all refused", f"{len(bodies)} refused")


def test_malformed_bodies_are_refused_and_nothing_is_kept(service, connect, corpus, figure):
    connection, before = connect(service.port), stored(service)
    malformed = [vector for vector in parser_vectors(corpus("multipart")) if vector[3]]
    for name, boundary, body, _ in malformed:
        assert post(connection, boundary, body).status == 400, name
        # Where the body does not begin with its boundary, it would be the file's own bytes.
        if body.startswith(f"--{boundary}".encode()):
            assert post(connection, boundary, after_a_file(boundary, body)).status == 400, name

    assert malformed
    assert stored(service) == before
    figure("form bodies: malformed", "all refused, 0 kept", f"{len(malformed)} refused, 0 kept")


def test_right_bodies_are_taken_but_for_those_that_strict_parsing_refuses(service, connect, corpus):
    connection = connect(service.port)
    for name, boundary, body, malformed in parser_vectors(corpus("multipart")):
        if malformed or files_of(body):
            continue
        answer = post(connection, boundary, after_a_file(boundary, body), "/sendfile")

        assert answer.status == (400 if name in STRICTLY_REFUSED else 201), (name, answer)


def test_what_browsers_sent_comes_back_byte_for_byte(service, connect, corpus, figure):
    connection, whole = connect(service.port), 0
    for path, boundary, body in browser_bodies(corpus("multipart")):
        assert post(connection, boundary, body).status == 400, "two files are one too many"
        for field in (b"file1", b"file2"):
            original = path.with_name(path.name.replace("request.http", f"{field.decode()}.png"))
            answer = post(connection, boundary, with_one_file(boundary, body, field))

            assert answer.status == 201, path.name
            assert connection.get(answer.json["link"]).body == original.read_bytes(), path.name
            whole += 1

    assert whole
    figure("form bodies: files that browsers sent", "all byte for byte", f"{whole} of {whole}")


def test_a_form_by_an_old_browser_comes_back_byte_for_byte(service, connect, corpus):
    boundary, body = old_path_body(corpus("multipart"))
    path = rb"C:\Documents and Settings\me\Sellersburg"
    body = body.replace(b"cb_file_upload_multiple", b"file1")
    body = body.replace(b'filename="Sellersburg', b'filename="' + path)
    connection = connect(service.port)
    answer = post(connection, boundary, body)
    start = body.index(b"\r\n\r\n", body.index(b"filename=")) + 4

    assert answer.status == 201
    assert answer.json["name"] == "Sellersburg Town Council Meeting 02-22-2010doc.doc"
    sent = body[start : body.index(f"\r\n--{boundary}".encode(), start)]
    assert connection.get(answer.json["link"]).body == sent


def test_raw_requests_get_a_clean_answer_and_the_service_lives_on(service, connect, corpus, figure):
    known, answered = {501, 505}, 0
    for name, request in raw_requests(corpus("multipart")):
        begun = time.monotonic()
        answer = raw(service.port, request)
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)

        assert time.monotonic() - begun < SECONDS, name
        assert status or not answer, (name, answer)
        assert not status or int(status[1]) < 500 or int(status[1]) in known, (name, answer)
        answered += 1
    assert connect(service.port).ask("GET", "/healthz").status == 200
    assert "Traceback" not in service.log.read_text()

    figure("form bodies: raw requests", "no 5xx but 501 and 505", f"{answered} of {answered}")


def read(body, boundary, *, step):
    """Read a form in steps: its file and fields, or the status that it is refused with."""
    name = re.search(rb'[ ;]name="?([^";]*)"?[^\r\n]*filename', body)
    environ = {
        "CONTENT_TYPE": f"multipart/form-data; boundary={boundary}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": Trickle(body, step),
    }
    request = Request.blank("/", environ, method="POST")
    field = name[1].decode("utf-8", "replace") if name else "file1"
    try:
        taken = FileForm(request, field=field, limit=1 << 20)
        return taken.open(), b"".join(taken.chunks()), taken.fields
    except UploadsvcError as error:
        return status_of(type(error))


def test_a_body_means_the_same_in_pieces_of_any_size(corpus, some):
    taken = 0
    for name, boundary, body in some(every_body(corpus("multipart")), 4):
        for sent in (body, after_a_file(boundary, body)):
            whole = read(sent, boundary, step=1 << 20)
            taken += isinstance(whole, tuple)
            for step in (1, 2, 7):
                assert read(sent, boundary, step=step) == whole, (name, step)

    assert taken
