"""Forms: read as they come, and believed only when they are whole."""

import io
import tracemalloc

import pytest
from webob import Request

from clients import BOUNDARY, Trickle, file_form, form, part
from uploadsvc.errors import BadInput, BrokenOff, TooLarge, UploadsvcError
from uploadsvc.storage.names import safe_name
from uploadsvc.web.errors import LengthRequired
from uploadsvc.web.forms import FileForm

END = f"--{BOUNDARY}--\r\n".encode()


class Breaking:
    """A body whose server raises when the connection is lost."""

    def __init__(self, body):
        self._body = io.BytesIO(body)

    def read(self, size=-1):
        piece = self._body.read(size)
        if not piece:
            raise OSError("request data read error")
        return piece


def read(content, *, stream=None, length="as it is", limit=100_000):
    """Read a form; return name, bytes and fields."""
    content_type, body = content
    environ = {"CONTENT_TYPE": content_type, "wsgi.input": stream or io.BytesIO(body)}
    if length is not None:
        environ["CONTENT_LENGTH"] = str(len(body) if length == "as it is" else length)
    request = Request.blank("/", environ, method="POST")
    if length is None:
        request.environ.pop("CONTENT_LENGTH", None)
    file_form_ = FileForm(request, field="file1", limit=limit)
    name = file_form_.open()
    data = b"".join(file_form_.chunks())
    return name, data, file_form_.fields


def of(*bodies, boundary=BOUNDARY):
    """A form of raw bytes."""
    return f"multipart/form-data; boundary={boundary}", b"".join(bodies)


def test_gives_the_name_the_bytes_and_the_fields_around_them():
    content = form(part("a", "1"), part("file1", b"data", filename="x.png"), part("b", "2"))

    assert read(content) == ("x.png", b"data", {"a": {"1"}, "b": {"2"}})


@pytest.mark.parametrize("step", [1, 2, 7, 64])
def test_reads_the_same_whatever_the_pieces_are(step):
    data = bytes(range(256)) * 8 + f"\r\n--{BOUNDARY[:-1]}\r\n\r\n--".encode()
    content = file_form(data)

    assert read(content, stream=Trickle(content[1], step))[1] == data


def test_reads_a_body_that_has_no_length():
    assert read(file_form(b"data"), length=None)[1] == b"data"


def test_a_body_without_a_length_that_is_empty_is_told_so():
    with pytest.raises(LengthRequired):
        read(of(b""), length=None)


def test_an_upload_cut_anywhere_is_never_whole(many):
    content_type, body = file_form(b"data" * 250, filename="x.png", to="a@x")
    step = max(1, len(body) // many(100, 1000))
    for cut in [*range(0, len(body), step), *range(len(body) - 60, len(body))]:
        with pytest.raises(UploadsvcError):
            read((content_type, body[:cut]), length=len(body))


def test_a_body_without_a_length_cut_before_its_boundary_is_never_whole():
    content_type, body = file_form(b"data")
    for cut in range(len(body) - 2):
        with pytest.raises(BadInput):
            read((content_type, body[:cut]), length=None)


def test_a_connection_that_is_lost_is_a_form_that_broke_off():
    content_type, body = file_form(b"data")

    with pytest.raises(BrokenOff):
        read((content_type, body), stream=Breaking(body[:-20]))
    # Even when only the end of the last chunk is missing.
    with pytest.raises(BrokenOff):
        read((content_type, body), stream=Breaking(body), length=None)


def test_an_epilogue_of_4_kb_is_ignored_and_a_byte_more_is_not():
    content_type, body = file_form(b"data")
    body = body.removesuffix(b"\r\n")

    assert read((content_type, body + b"x" * 4096))[1] == b"data"
    with pytest.raises(BadInput):
        read((content_type, body + b"x" * 4097))


def test_a_second_form_behind_the_first_is_refused():
    content_type, body = file_form(b"data")

    with pytest.raises(BadInput):
        read((content_type, body + body))


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_the_final_boundary_is_found_wherever_the_pieces_end(step):
    content_type, body = file_form(b"data")
    body = body.removesuffix(b"\r\n")

    assert read((content_type, body), stream=Trickle(body, step))[1] == b"data"


def test_a_file_over_the_limit_is_refused_while_it_comes():
    with pytest.raises(TooLarge):
        read(file_form(b"x" * 11), limit=10)
    assert read(file_form(b"x" * 10), limit=10)[1] == b"x" * 10


def test_a_length_over_the_limit_is_refused_before_anything_is_read():
    class Untouched:
        def read(self, size=-1):
            pytest.fail("the body was read")

    with pytest.raises(TooLarge):
        read(file_form(b"x"), stream=Untouched(), length=10 + 65_537, limit=10)


@pytest.mark.parametrize(
    "head",
    [
        'form-data; name="file1"; filename="a"; filename="b"',
        'form-data; name="file1"; filename="a"; filename*=UTF-8\'\'b',
        'form-data; name="file1"; name="file2"; filename="a"',
        'form-data; filename="a"',
        'attachment; name="file1"; filename="a"',
        'form-data; name="file1"; filename="' + "x" * 4096 + '"',
    ],
)
def test_a_part_with_a_bad_head_is_refused(head):
    body = f"--{BOUNDARY}\r\nContent-Disposition: {head}\r\n\r\nx\r\n".encode() + END

    with pytest.raises(BadInput):
        read(of(body))


def test_a_name_that_speaks_of_file_names_is_a_name():
    name = "filename=x; name=y.txt"

    assert read(file_form(b"x", filename=name))[0] == name


@pytest.mark.parametrize("filename", ["C:\\dir\\", "\\\\", "folder/"])
def test_a_name_of_which_nothing_is_left_is_still_a_name(filename):
    assert safe_name(read(file_form(b"x", filename=filename))[0]) == "file"


def test_a_part_with_two_dispositions_is_refused():
    line = 'Content-Disposition: form-data; name="file1"; filename="{}"\r\n'
    body = f"--{BOUNDARY}\r\n{line.format('a')}{line.format('b')}\r\nx\r\n".encode() + END

    with pytest.raises(BadInput):
        read(of(body))


def test_a_quote_ends_a_phones_name_early():
    assert read(file_form(b"x", filename='a"b.jpg'))[0] == "a"


def test_heads_of_4_kb_in_all_are_too_much():
    more = "".join(f"X-Header-{number}: {'x' * 1000}\r\n" for number in range(5))
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file1"; filename="a"\r\n{more}\r\n'
    )

    with pytest.raises(BadInput):
        read(of(body.encode(), b"x\r\n", END))


def test_a_name_that_is_not_utf_8_is_refused():
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file1"; filename="'.encode()

    with pytest.raises(BadInput):
        read(of(head, b'\xff\xfe"\r\n\r\nx\r\n', END))


def test_more_than_a_hundred_parts_are_refused():
    parts = [part("a", "x")] * 99

    assert read(form(*parts, part("file1", b"x", filename="a")))[1] == b"x"
    with pytest.raises(BadInput):
        read(form(*parts, part("a", "x"), part("file1", b"x", filename="a")))


def test_a_field_that_is_long_is_refused():
    with pytest.raises(BadInput):
        read(file_form(b"x", note="x" * 65_537))


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 201,
    ],
)
def test_what_is_no_form_is_refused(content_type):
    with pytest.raises(BadInput):
        read((content_type, file_form(b"x")[1]))


def test_the_short_boundaries_of_phones_are_known():
    for boundary in ("+++++", "+++++org.apache.cordova.formBoundary"):
        body = file_form(b"data")[1].replace(BOUNDARY.encode(), boundary.encode())

        assert read(of(body, boundary=boundary))[1] == b"data"


def test_reading_costs_no_memory(many):
    size = many(30_000_000, 300_000_000)
    content_type, body = file_form(b"")
    head, end = body.split(b"\r\n\r\n\r\n", 1)

    class Endless:
        left = size
        rest = io.BytesIO(b"\r\n" + end)
        begin = io.BytesIO(head + b"\r\n\r\n")

        def read(self, wanted=-1):
            piece = self.begin.read(wanted)
            if not piece and self.left:
                piece = b"x" * min(wanted, self.left)
                self.left -= len(piece)
            return piece or self.rest.read(wanted)

    environ = {"CONTENT_TYPE": content_type, "wsgi.input": Endless()}
    request = Request.blank("/", environ, method="POST")
    request.environ.pop("CONTENT_LENGTH", None)
    big = FileForm(request, field="file1", limit=size)
    big.open()

    tracemalloc.start()
    try:
        assert sum(map(len, big.chunks())) == size
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
