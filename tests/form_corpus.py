"""The shared corpus of form bodies: by browsers, by fuzzers, and those parsers disagree on."""

import re

FUZZED_BOUNDARY = "dfhjksd23f43242f43fv4b4g2g2g23vf2"


def fuzzed_bodies(folder):
    """Bodies that a fuzzer found, each with the boundary that it begins with."""
    for path in sorted(folder.glob("gofuzz-mp__*")):
        body = path.read_bytes()
        found = re.match(rb"--([!-~]{1,70})\r?\n", body)
        yield path.name, found[1].decode() if found else FUZZED_BOUNDARY, body


def parser_vectors(folder):
    """Small bodies with what is right: name, boundary, body, whether it is malformed."""
    for path in sorted(folder.glob("pymp__*.http")):
        expected = path.with_suffix(".yaml").read_text()
        boundary = re.search(r"^boundary: (\S+)", expected, re.MULTILINE)[1]
        malformed = "error:" in expected
        yield path.stem.removeprefix("pymp__"), boundary, path.read_bytes(), malformed


def browser_bodies(folder):
    """What browsers sent, each with two pictures and a text."""
    for path in sorted(folder.glob("werkzeug-*__request.http")):
        body = path.read_bytes()
        yield path, body[2 : body.index(b"\r\n")].decode(), body


def old_path_body(folder):
    """A form by IE 7. Its line ends were lost on the way, and are put back here."""
    body = (folder / "werkzeug__ie7_full_path_request.http").read_bytes()
    body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return body[2 : body.index(b"\r\n")].decode(), body


def raw_requests(folder):
    """Whole requests, written with escapes for what an editor would lose."""
    for path in sorted(folder.glob("gunicorn__*.http")):
        request = path.read_bytes().replace(b"\n", b"")
        for escape, meant in (
            (rb"\r\n", b"\r\n"),
            (rb"\0", b"\0"),
            (rb"\n", b"\n"),
            (rb"\t", b"\t"),
        ):
            request = request.replace(escape, meant)
        yield path.name, request


def every_body(folder):
    """Every body of the corpus with its boundary."""
    yield from fuzzed_bodies(folder)
    for name, boundary, body, _ in parser_vectors(folder):
        yield name, boundary, body
    for path, boundary, body in browser_bodies(folder):
        yield path.name, boundary, body
    yield "ie7", *old_path_body(folder)


def after_a_file(boundary, body):
    """The same parts, with one whole file before them."""
    head = 'Content-Disposition: form-data; name="file1"; filename="x.bin"'
    return f"--{boundary}\r\n{head}\r\n\r\ndata\r\n".encode() + body


def with_one_file(boundary, body, kept):
    """The form with the file in the field `kept` as its only one, in the field `file1`."""
    delimiter = f"--{boundary}\r\n".encode()
    parts = body.split(delimiter)
    right = [part for part in parts if b"filename=" not in part or b'name="%s"' % kept in part]
    return delimiter.join(right).replace(b'name="%s"' % kept, b'name="file1"')


def files_of(body):
    """How many files a form seems to have."""
    return len(re.findall(rb"filename\*?=", body, re.IGNORECASE))
