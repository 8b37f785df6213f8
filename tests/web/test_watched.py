"""The upload middleware: what it takes, what it answers, and what it leaves alone."""

import io
import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from webtest import TestApp

from clients import file_form, form, part
from uploadsvc.errors import Unavailable
from uploadsvc.tracking import TrackedUploads
from uploadsvc.web.watched import upload_middleware
from watching import KEY, MANAGERS, UPLOADS, Watched, call, environ_of

JSON = {"Accept": "application/json"}


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path / "uploads")


# Uploads


def test_the_application_gets_the_status_in_the_place_of_the_body(watched):
    kind, body = file_form(b"pixels")
    answer = watched.post((kind, body)).json
    status = {
        "identifier": "id",
        "filename": "photo.jpg",
        "content-type": "application/octet-stream",
        "size": len(body),
        "received": len(body),
        "state": "done",
    }

    assert (answer["method"], answer["type"]) == ("POST", "application/json")
    assert json.loads(answer["body"]) == status == watched.status()
    assert watched.inner.environ["CONTENT_LENGTH"] == str(len(answer["body"]))


def test_the_application_finds_the_upload_and_the_manager_in_the_environ(watched):
    watched.post(b"pixels")
    environ = watched.inner.environ

    for name in UPLOADS:
        assert environ[name].is_complete()
        assert Path(environ[name].get_filename()).read_bytes() == b"pixels"
    for name in MANAGERS:
        assert environ[name] is watched.uploads


def test_the_application_may_clear_the_upload(watched):
    watched.post()
    watched.inner.environ["uploadsvc.upload"].clear_upload()

    assert watched.status()["state"] == "starting"
    assert list(watched.root.iterdir()) == []


@pytest.mark.parametrize("path", ["/upload", "/a/b/upload", "/%C3%A9/upload"])
def test_any_path_that_ends_in_upload_takes_uploads(watched, path):
    watched.post(path=path)

    assert watched.kept() == 1


@pytest.mark.parametrize(("script_name", "path_info"), [("/upload", ""), ("/app", "/upload")])
def test_it_may_be_mounted_where_uploads_go(watched, script_name, path_info):
    environ = environ_of(file_form(b"pixels"), SCRIPT_NAME=script_name, PATH_INFO=path_info)
    call(watched.app, environ)

    assert environ["uploadsvc.upload"].is_complete()


def test_the_file_may_be_in_any_field_among_others(watched):
    content = form(
        part("before", "x" * 1000), part("any", b"pixels", filename="a.txt"), part("after", "y")
    )
    watched.post(content)

    assert Path(watched.inner.environ["uploadsvc.upload"].get_filename()).read_bytes() == b"pixels"


def test_the_name_is_told_without_its_folders_and_without_what_cannot_be_seen(watched):
    content = form(part("file", b"x", filename="/some/where/a\u202egpj.exe"))
    watched.post(content)

    assert watched.status()["filename"] == "a_gpj.exe"


def test_what_came_in_chunks_has_no_size_and_no_transfer_encoding_for_the_application(watched):
    content = file_form(b"pixels")
    environ = environ_of(content, chunked=True)
    call(watched.app, environ)
    status = environ["uploadsvc.upload"].get_status()

    assert (status["size"], status["received"]) == (None, len(content[1]))
    assert status["state"] == "done"
    assert "HTTP_TRANSFER_ENCODING" not in environ


class Halfway:
    """A body that asks for the status in the middle of it."""

    def __init__(self, body, ask):
        self._body = io.BytesIO(body)
        self._ask = ask

    def read(self, size=-1):
        piece = self._body.read(min(size, 10_000))
        self._ask(self._body.tell())
        return piece


def test_the_status_is_true_all_the_while_but_for_what_the_parser_still_looks_at(watched):
    content = form(part("before", "é" * 5000), part("f", b"x" * 200_000, filename="a"))
    asked = []
    other = Watched(watched.root)

    def ask(sent):
        status = other.status()
        if status["state"] == "uploading":
            asked.append((sent, status["received"], status["size"]))

    call(watched.app, environ_of(content, body=Halfway(content[1], ask)))

    assert len(asked) > 15
    assert {size for _, _, size in asked} == {len(content[1])}
    # What was read last has not gone through the parser yet.
    assert all(0 <= sent - received < 10_000 + 200 for sent, received, _ in asked)


def test_a_second_upload_of_the_same_identifier_replaces_the_first(watched):
    watched.post(b"first")
    watched.post(b"second")

    assert Path(watched.inner.environ["uploadsvc.upload"].get_filename()).read_bytes() == b"second"
    assert watched.kept() == 1


# What is refused


@pytest.mark.parametrize(
    "content",
    [
        ("text/plain", b"{}"),
        ("application/octet-stream", b"pixels"),
        form(),
        form(part("a", "text")),
        form(part("a", b"", filename="")),
        form(part("a", b"x", filename="a"), part("b", b"y", filename="b")),
        (file_form(b"x")[0], file_form(b"x")[1][:-10]),
        (file_form(b"x")[0], file_form(b"x")[1] * 2),
        ("multipart/form-data", file_form(b"x")[1]),
    ],
)
def test_a_body_that_is_not_one_file_is_refused_and_nothing_is_kept(watched, content):
    answer = watched.post(content, status=400)

    assert answer.text.count("\n") == 1
    assert watched.inner.environ is None
    assert watched.kept() == 0
    assert watched.status()["state"] == "error"
    assert watched.status()["error"] == answer.text.strip()


def test_an_error_is_a_problem_for_those_who_speak_json(watched):
    answer = watched.post(form(), status=400, headers=JSON)

    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "bad-input"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("id", ["", "a%20b", "../a", "a&X-Progress-ID=b", "x" * 201, "%ff", "a%0a"])
@pytest.mark.parametrize("keys", [(), (KEY,)])
def test_an_identifier_that_does_not_verify_gets_one_answer_whatever_is_wrong(tmp_path, id, keys):
    watched = Watched(tmp_path / "uploads", keys=keys)
    answers = {
        watched.post(id=id, status=400).text,
        watched.client.get(f"/upload/status?X-Progress-ID={id}", status=400).text,
        watched.client.get(f"/upload?clear&X-Progress-ID={id}", status=400).text,
        watched.client.get(f"/upload?status&X-Progress-ID={id}", status=400).text,
    }

    assert answers == {"this is not an upload identifier that counts here\n"}
    assert list(watched.root.iterdir()) == []


def test_with_a_key_only_what_it_signed_counts(tmp_path):
    watched = Watched(tmp_path / "uploads", keys=[KEY])
    signed = watched.uploads.create_identifier()
    refused = {
        watched.post(id=id, status=400).text for id in ("id", signed[:-1], signed[:-1] + "X")
    }
    watched.post(id=signed)

    assert watched.status(signed)["state"] == "done"
    assert refused == {"this is not an upload identifier that counts here\n"}


def test_the_whole_request_may_be_as_large_as_the_limit_and_no_larger(tmp_path):
    content = file_form(b"x" * 1000)
    at = Watched(tmp_path / "at", max_request=len(content[1]))
    past = Watched(tmp_path / "past", max_request=len(content[1]) - 1)
    at.post(content)
    past.post(content, status=413)

    assert (at.status()["state"], past.status()["state"]) == ("done", "error")
    assert past.kept() == 0


class Unread:
    def read(self, size=-1):
        raise AssertionError("the body was read")


def test_what_is_too_large_by_its_length_is_refused_before_the_body_is_read(tmp_path):
    watched = Watched(tmp_path / "uploads", max_request=1000)
    environ = environ_of(file_form(b""), CONTENT_LENGTH="1001", body=Unread())

    assert call(watched.app, environ)[1] == b"the upload is larger than 1000 bytes\n"
    assert watched.status()["size"] == 1001


@pytest.mark.parametrize("where", ["file", "after"])
def test_what_is_too_large_in_chunks_is_refused_when_it_is(tmp_path, where):
    large = [part("a", b"x" * 100_000, filename="a")]
    if where == "after":
        large = [part("a", b"x", filename="a"), part("b", "y" * 50_000)]
    watched = Watched(tmp_path / "uploads", max_request=40_000)
    status, _ = call(watched.app, environ_of(form(*large), chunked=True))

    assert status == "413 Request Entity Too Large"
    assert watched.status()["state"] == "error"
    assert watched.kept() == 0


def test_the_file_alone_may_have_a_limit(tmp_path):
    watched = Watched(tmp_path / "uploads", max_file=1000)
    watched.post(b"x" * 1000)
    watched.post(b"x" * 1001, status=413)

    assert watched.kept() == 0


def test_an_upload_for_which_there_is_no_place_is_refused_before_it_is_read(tmp_path):
    asked = []

    @contextmanager
    def full():
        raise Unavailable("too many")
        yield

    Watched(tmp_path / "a", place=full).post(status=503)
    watched = Watched(tmp_path / "b", may_upload=asked.append)
    watched.client.post(
        "/upload?X-Progress-ID=id",
        file_form(b"x")[1],
        headers={"Content-Type": file_form(b"x")[0]},
        extra_environ={"REMOTE_ADDR": "192.0.2.7"},
    )
    watched.client.get("/upload/status?X-Progress-ID=id")

    assert asked == ["192.0.2.7"]


def test_what_nobody_foresaw_is_told_without_details(tmp_path, caplog):
    def broken(address):
        raise RuntimeError("a secret")

    answer = Watched(tmp_path / "uploads", may_upload=broken).post(status=500)

    assert answer.text == "something went wrong here\n"
    assert "a secret" in caplog.text


# Status


def test_the_status_stands_at_two_addresses(watched):
    watched.post()
    one = watched.client.get("/a/upload/status?X-Progress-ID=id")
    other = watched.client.get("/a/upload?status&X-Progress-ID=id")

    assert one.json == other.json == watched.status()
    assert one.headers["Content-Type"] == "application/json"
    assert one.headers["Cache-Control"] == "no-store"
    assert one.headers["X-Content-Type-Options"] == "nosniff"


def test_an_upload_that_nobody_has_seen_is_starting(watched):
    assert watched.status("never-seen") == {
        "identifier": "never-seen",
        "filename": None,
        "content-type": None,
        "size": None,
        "received": 0,
        "state": "starting",
    }


def test_the_status_comes_as_a_script_that_calls_back(watched):
    watched.post()
    answer = watched.client.get("/upload/status?X-Progress-ID=id&callback=jQuery1.a_$")

    assert answer.content_type == "application/javascript"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text.startswith("jQuery1.a_$({")
    assert answer.text.endswith("})")
    assert json.loads(answer.text[len("jQuery1.a_$(") : -1]) == watched.status()


def test_a_callback_that_is_no_name_is_refused_and_clears_nothing(watched):
    watched.post()
    for callback in ("alert(1)//", "a b", "", "eval"):
        query = f"X-Progress-ID=id&callback={callback}"
        watched.client.get(f"/upload/status?{query}", status=400)
        watched.client.get(f"/upload?clear&{query}", status=400)

    assert watched.status()["state"] == "done"


# Clear


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_upload_is_cleared(watched, method):
    watched.post()
    answer = watched.client.request("/x/upload?clear&X-Progress-ID=id", method=method)

    assert answer.json == {"success": True}
    assert watched.status()["state"] == "starting"
    assert list(watched.root.iterdir()) == []


def test_clearing_calls_back_too_and_twice_is_no_error(watched):
    for _ in range(2):
        answer = watched.client.get("/upload?clear&X-Progress-ID=id&callback=f")

        assert answer.text == 'f({"success": true})'


# What is not for the middleware


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("POST", "/"),
        ("GET", "/upload"),
        ("POST", "/upload"),
        ("POST", "/upload?x-progress-id=id"),
        ("POST", "/upload/?X-Progress-ID=id"),
        ("POST", "/uploads?X-Progress-ID=id"),
        ("POST", "/my-upload?X-Progress-ID=id"),
        ("GET", "/upload?X-Progress-ID=id"),
        ("HEAD", "/upload?status&X-Progress-ID=id"),
        ("PUT", "/upload?X-Progress-ID=id"),
        ("DELETE", "/upload?clear&X-Progress-ID=id"),
        ("GET", "/upload/status"),
        ("POST", "/upload/status?X-Progress-ID=id"),
        ("POST", "/status?X-Progress-ID=id"),
        ("GET", "/upload/status/x?X-Progress-ID=id"),
        ("GET", "/?%ff=1"),
    ],
)
def test_all_else_reaches_the_application_untouched(watched, method, target):
    path, _, query = target.partition("?")
    body = io.BytesIO(b"body")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "4",
        "wsgi.input": body,
    }
    before, seen = dict(environ), {}

    def app(environ, start_response):
        seen.update(environ)
        assert body.tell() == 0, "nothing was read of it"
        start_response("200 OK", [])
        return answer

    answer = [b"the application's own"]
    watched = upload_middleware(app, watched.uploads)

    assert watched(environ, lambda status, headers: None) is answer
    assert seen == before | dict.fromkeys(MANAGERS, seen[MANAGERS[0]])


def test_with_uploads_at_another_address_nothing_is_taken_here(tmp_path):
    watched = Watched(tmp_path / "uploads", upload_url="http://up.example/upload")
    told = watched.post().json

    assert told["type"].startswith("multipart/form-data")
    assert watched.client.get("/upload/status?X-Progress-ID=id").json["method"] == "GET"
    assert watched.inner.environ["uploadsvc.manager"].upload_url == "http://up.example/upload"
    assert list(watched.root.iterdir()) == []


def test_the_application_at_the_page_sees_uploads_made_at_the_other_address(tmp_path):
    page = Watched(tmp_path / "uploads", upload_url="http://up.example/upload", keys=[KEY])
    server = Watched(tmp_path / "uploads", keys=[KEY])
    identifier = page.uploads.create_identifier()
    server.post(b"pixels", id=identifier)
    upload = page.uploads.access_upload_bucket(identifier)

    assert upload.is_complete()
    assert Path(upload.get_filename()).read_bytes() == b"pixels"


class ApplicationError(Exception):
    pass


def test_errors_of_the_application_are_its_own(tmp_path):
    def app(environ, start_response):
        raise ApplicationError(environ.get("CONTENT_TYPE"))

    watched = Watched(tmp_path / "uploads", app=app)
    with pytest.raises(ApplicationError, match="application/json"):
        watched.post()
    with pytest.raises(ApplicationError):
        watched.client.get("/")

    assert watched.kept() == 1


def test_the_answer_of_the_application_is_passed_on_as_it_is(tmp_path):
    answer = iter([b"a", b"b"])

    def app(environ, start_response):
        start_response("418 I'm a teapot", [("X-Own", "1")])
        return answer

    told = []
    watched = upload_middleware(app, TrackedUploads(tmp_path))
    given = watched(environ_of(file_form(b"x")), lambda *head: told.append(head))

    assert given is answer
    assert told == [("418 I'm a teapot", [("X-Own", "1")])]


def test_two_middlewares_do_not_take_the_same_upload_twice(tmp_path):
    inner = Watched(tmp_path / "inner")
    outer = TestApp(upload_middleware(inner.app, TrackedUploads(tmp_path / "inner")))
    kind, body = file_form(b"x")
    answer = outer.post(
        "/upload?X-Progress-ID=id", body, headers={"Content-Type": kind}, status=400
    )

    assert "expected a form" in answer.text
