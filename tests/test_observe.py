"""Log lines: one an event, and nothing in them that gives a file away."""

import json
import logging

import pytest

from uploadsvc import observe

STORAGE = "/uploadfile/wsgi/Storage"


@pytest.fixture
def configured():
    """Configure the log as asked; afterwards it is as it was."""
    root = logging.getLogger("uploadsvc")
    before = root.handlers[:], root.level, root.propagate
    yield observe.configure
    root.handlers[:], root.propagate = before[0], before[2]
    root.setLevel(before[1])


def line(**facts):
    told = {
        "id": "abc",
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/healthz",
        "status": 200,
        "bytes": 3,
        "seconds": 0.0123,
    }
    return observe.RequestLine(**(told | facts))


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (f"{STORAGE}/QgBmmQxG/photo.jpg", f"{STORAGE}/QgB…"),
        ("/uploadfile//wsgi/Storage/QgBmmQxG/photo.jpg", "/upl…//wsg…/Sto…/QgB…/pho…"),
        ("/QgBmmQxG/photo.jpg", "/QgB…/pho…"),
        ("/getpreview", "/getpreview"),
        ("/a\nb/\x1b[31m", "/a?b/?[3…"),
    ],
)
def test_of_a_folder_only_a_hint_is_logged_and_no_control_character(path, logged):
    assert observe.loggable(path, storage_path=STORAGE, known={"/getpreview"}) == logged


def test_a_plain_line_has_id_client_method_path_status_bytes_and_seconds(configured, capsys):
    configured("plain")
    observe.log_request(line())

    assert capsys.readouterr().err.endswith(
        "uploadsvc.requests: abc 192.0.2.1 GET /healthz 200 3 0.012 -\n"
    )


def test_a_json_line_has_them_as_fields(configured, capsys):
    configured("json")
    observe.log_request(line())
    told = json.loads(capsys.readouterr().err)

    assert told.pop("time").endswith("+00:00")
    assert told.pop("level") == "info"
    assert told.pop("logger") == "uploadsvc.requests"
    assert told == {
        "id": "abc",
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/healthz",
        "status": 200,
        "bytes": 3,
        "seconds": 0.0123,
        "code": "-",
    }


def test_a_plain_line_of_an_exception_is_followed_by_where_it_came_from(configured, capsys):
    configured("plain")
    try:
        raise ValueError("what went wrong")
    except ValueError:
        logging.getLogger("uploadsvc.web").exception("it failed")
    first, *more = capsys.readouterr().err.splitlines()

    assert first.endswith(" ERROR uploadsvc.web: it failed")
    assert more[0] == "Traceback (most recent call last):"
    assert more[-1] == "ValueError: what went wrong"


def test_an_exception_is_logged_whole_in_one_json_line(configured, capsys):
    configured("json")
    try:
        raise ValueError("the reason")
    except ValueError:
        logging.getLogger("uploadsvc.test").exception("it failed")
    told = json.loads(capsys.readouterr().err)

    assert told["message"] == "it failed"
    assert "ValueError: the reason" in told["exception"]


def test_a_request_keeps_its_id():
    environ = {}

    assert observe.request_id(environ) == observe.request_id(environ)
    assert observe.request_id({}) != observe.request_id({})
