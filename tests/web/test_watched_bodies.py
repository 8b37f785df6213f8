"""Real, broken and hostile bodies through the upload middleware: whole or refused."""

import re
from pathlib import Path

import pytest

from clients import BOUNDARY, form, part
from form_corpus import (
    after_a_file,
    browser_bodies,
    files_of,
    fuzzed_bodies,
    parser_vectors,
    with_one_file,
)
from watching import Watched, call, environ_of

WHOLE = form(part("to", "a@b.example"), part("file", b"data", filename="a.bin"))[1]
END = f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path / "uploads")


def send(watched, boundary, body, **more):
    """Send a body; return the status it is answered with."""
    content = f"multipart/form-data; boundary={boundary}", body
    status, _ = call(watched.app, environ_of(content, **more))
    return int(status[:3])


def data(watched):
    return Path(watched.uploads.access_upload_bucket("id").get_filename()).read_bytes()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        END,
        b"\0" * 10_000,
        WHOLE.removesuffix(END),
        WHOLE.removesuffix(b"\r\n")[:-1],
        WHOLE[: WHOLE.index(b"data") + 2],
        WHOLE + WHOLE,
        WHOLE + b"x" * 5000,
        WHOLE.replace(b"\r\n", b"\n"),
        WHOLE.replace(b"form-data; ", b""),
        WHOLE.replace(b'"a.bin"', b'"a.bin"; filename="b"'),
        WHOLE.replace(b'"a.bin"', b"\"a.bin\"; filename*=UTF-8''b"),
        WHOLE.replace(b"a.bin", b"a\xff"),
        WHOLE.replace(b"a.bin", b""),
        WHOLE.replace(b"Content-Type: ", b"X-Long: " + b"x" * 5000 + b"\r\nContent-Type: "),
        form(*[part(f"f{number}", "x") for number in range(200)])[1],
        form(part("to", "x" * 100_000), part("file", b"data", filename="a"))[1],
        form(part("file", b"data", filename="a"), part("file", b"data", filename="a"))[1],
    ],
)
def test_forms_that_are_wrong_are_refused_and_nothing_is_kept(watched, body, chunked):
    status = send(watched, BOUNDARY, body, chunked=chunked)

    assert status in ((400, 411) if not body else (400,))
    assert watched.inner.environ is None
    assert watched.kept() == 0
    assert watched.status()["state"] == "error"


@pytest.mark.parametrize("more", [1, 100])
def test_a_body_that_is_shorter_than_it_says_is_refused(watched, more):
    status = send(watched, BOUNDARY, WHOLE, CONTENT_LENGTH=str(len(WHOLE) + more))

    assert status == 400
    assert watched.kept() == 0


def test_bodies_that_a_fuzzer_found_are_refused_but_for_those_that_are_whole(
    watched, corpus, some, figure
):
    bodies = some(fuzzed_bodies(corpus("multipart")), 10)
    taken = []
    for name, boundary, body in bodies:
        status = send(watched, boundary, body)
        if status == 200:
            taken.append(name)
            assert data(watched) in body, name
            assert f"--{boundary}--".encode() in body, name
        else:
            assert (status, watched.kept()) == (400, 0), name
            assert watched.status()["state"] == "error", name
    reached = f"{len(bodies) - len(taken)} refused"
    figure("form bodies through the middleware: by a fuzzer", "no 5xx, all but 2 refused", reached)

    assert bodies
    assert len(taken) <= 2


def test_malformed_bodies_are_refused_and_nothing_is_kept(watched, corpus, figure):
    malformed = [vector for vector in parser_vectors(corpus("multipart")) if vector[3]]
    refused = 0
    for name, boundary, body, _ in malformed:
        refused += send(watched, boundary, body) == 400
        assert watched.kept() == 0, name
        if body.startswith(f"--{boundary}".encode()):
            assert send(watched, boundary, after_a_file(boundary, body)) == 400, name
            assert watched.kept() == 0, name
    figure("form bodies through the middleware: malformed", f"{len(malformed)} refused", refused)

    assert refused == len(malformed) > 0


def test_a_naive_reader_takes_some_of_these_malformed_bodies(corpus):
    """What looks for a file between two delimiters is content with half a form."""

    def naive(boundary, body):
        return re.search(rb"\r\n\r\n", body) is not None

    assert [
        name
        for name, boundary, body, malformed in parser_vectors(corpus("multipart"))
        if malformed and naive(boundary, body)
    ]


def test_right_bodies_with_one_file_are_taken_whole(watched, corpus):
    taken = 0
    for name, boundary, body, malformed in parser_vectors(corpus("multipart")):
        if not malformed and files_of(body) == 1 and send(watched, boundary, body) == 200:
            assert data(watched) in body, name
            taken += 1

    assert taken


def test_what_browsers_sent_comes_byte_for_byte(watched, corpus, figure):
    whole = 0
    for path, boundary, body in browser_bodies(corpus("multipart")):
        assert send(watched, boundary, body) == 400, "two files are one too many"
        for field in (b"file1", b"file2"):
            original = path.with_name(path.name.replace("request.http", f"{field.decode()}.png"))

            assert send(watched, boundary, with_one_file(boundary, body, field)) == 200, path.name
            assert data(watched) == original.read_bytes(), path.name
            whole += 1
    figure("form bodies through the middleware: by browsers", "all byte for byte", whole)

    assert whole
