"""POST /sendfile: what clients in the field send, and what they parse."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from clients import file_form, form, part

JPEG = bytes.fromhex("ffd8ffe000104a464946") + b"\0" * 20
JSON = {"Accept": "application/json"}


def post(client, content, *, url="/sendfile", status=None, **headers):
    content_type, body = content
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(url, body, headers=headers | {"Content-Type": content_type}, status=status)


def test_the_phone_gets_the_script_it_always_got_to_the_byte(client, storage):
    answer = post(client, file_form(b"pixels", to="juliet@capulet.example"), status=200)

    [stored] = storage
    link = f"http://localhost:80/uploadfile/wsgi/Storage/{stored.key.folder}/photo.jpg"
    link = link.replace(":80", "")
    assert (
        answer.body
        == (
            "top.Ext.dispatch({controller:'Chat', action: 'upload_result', "
            f"args : ['{link}', 'juliet@capulet.example']}});"
        ).encode()
    )
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_a_browser_gets_it_in_a_script_tag(client):
    answer = post(client, file_form(b"pixels", device="pc"), status=200)

    assert answer.text.startswith("<script type='text/javascript'>top.Ext.dispatch({")
    assert answer.text.endswith("});</script>")


@pytest.mark.parametrize("device", ["", "PC", "tablet", "<b>"])
def test_any_other_device_is_the_phone(client, device):
    assert post(client, file_form(b"x", device=device)).text.startswith("top.Ext.dispatch({")


def test_to_and_device_may_stand_in_the_query(client):
    answer = post(client, file_form(b"x", to=None), url="/sendfile?to=romeo%40m.example&device=pc")

    assert "'romeo@m.example'" in answer.text
    assert answer.text.startswith("<script")


def test_to_may_come_after_the_file(client):
    content = form(part("file1", b"x", filename="a.txt"), part("to", "romeo@m.example"))

    assert "'romeo@m.example'" in post(client, content, status=200).text


def test_what_could_leave_the_script_is_escaped_and_nothing_else(client):
    to = "o'brien\\\"<>&\u2028\u2029é@x"
    answer = post(client, file_form(b"x", to=to))

    escaped = re.search(r"', '(.*)'\]", answer.text)[1]
    assert escaped == "o\\u0027brien\\u005c\\u0022\\u003c\\u003e\\u0026\\u2028\\u2029é@x"
    assert json.loads(f'"{escaped}"') == to


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        (None, "to is missing"),
        ("", "to is missing"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("x" * 3072, "3071 bytes"),
        ("é" * 1536, "3071 bytes"),
    ],
)
def test_without_a_good_to_nothing_is_kept(client, storage, to, reason):
    answer = post(client, file_form(b"x", to=to), status=400)

    assert reason in answer.text
    assert list(storage) == []


def test_a_to_of_3071_bytes_is_welcome(client):
    post(client, file_form(b"x", to="x" * 3071), status=200)


def test_a_to_that_is_given_twice_must_be_the_same(client, storage):
    post(client, file_form(b"x", to="a@x"), url="/sendfile?to=a@x", status=200)
    post(client, file_form(b"x", to="a@x"), url="/sendfile?to=b@x", status=400)
    post(client, file_form(b"x", to=None), url="/sendfile?to=a@x&to=b@x", status=400)

    assert len(list(storage)) == 1


def test_a_to_that_is_not_utf_8_is_refused(client, storage):
    content = form(part("to", b"\xff\xfe"), part("file1", b"x", filename="a"))
    post(client, content, status=400)
    post(client, file_form(b"x", to=None), url="/sendfile?to=%ff", status=400)

    assert list(storage) == []


def test_a_new_client_gets_json_with_everything(client, storage):
    answer = post(client, file_form(JPEG, filename="a~b é.jpg", to=None), status=201, **JSON)

    [stored] = storage
    folder = stored.key.folder
    told = answer.json
    expires = datetime.fromisoformat(told.pop("expires"))
    assert told == {
        "link": f"http://localhost/uploadfile/wsgi/Storage/{folder}/a%7Eb%20%C3%A9.jpg",
        "name": "a~b é.jpg",
        "size": len(JPEG),
        "type": "image/jpeg",
        "sha256": hashlib.sha256(JPEG).hexdigest(),
    }
    assert abs(expires - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
    assert answer.headers["Location"] == told["link"]


@pytest.mark.parametrize("accept", ["text/html, application/json;q=0.1", "application/json"])
def test_json_is_answered_when_it_is_named_among_others_too(client, accept):
    answer = post(client, file_form(b"x", device="pc"), Accept=accept)

    assert answer.status_int == 201
    assert answer.json["expires"].endswith("Z")


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/jsonp"])
def test_json_is_not_answered_when_it_is_not_named(client, accept):
    assert post(client, file_form(b"x"), Accept=accept).status_int == 200


def test_a_bad_to_is_refused_even_where_none_is_needed(client):
    post(client, file_form(b"x", to="a\nb"), status=400, **JSON)


def test_a_name_without_a_dot_gets_the_extension_of_its_picture(client, storage):
    answer = post(client, file_form(JPEG, filename="1323298110728"), **JSON)
    text = post(client, file_form(b"just text", filename="1323298110728"), **JSON)

    assert answer.json["name"] == "1323298110728.jpeg"
    assert text.json["name"] == "1323298110728"


def test_the_link_gives_the_bytes_back(client):
    link = post(client, file_form(b"the bytes"), **JSON).json["link"]

    assert client.get(link).body == b"the bytes"


def test_a_file_of_exactly_the_limit_is_welcome(client):
    post(client, file_form(b"x" * 100_000), status=200)


def test_one_byte_more_is_refused_and_nothing_is_kept(client, storage):
    answer = post(client, file_form(b"x" * 100_001), status=413, **JSON)

    assert answer.json["code"] == "too-large"
    assert list(storage) == []


def test_an_empty_file_with_a_name_is_a_file(client, storage):
    post(client, file_form(b"", filename="empty.txt"), status=200)

    [stored] = storage
    assert stored.size == 0


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "no file in a field 'file1'"),
        ([part("to", "a@x")], "no file in a field 'file1'"),
        ([part("file1", "text, no file")], "no file in a field 'file1'"),
        ([part("file", b"x", filename="a")], "no file in a field 'file1'"),
        ([part("file1", b"", filename="")], "no file was chosen"),
        ([part("file1", b"x", filename="a")] * 2, "more than one file"),
        ([part("file1", b"x", filename="a"), part("f2", b"", filename="")], "more than one"),
    ],
)
def test_a_form_that_has_not_one_file_is_refused(client, storage, parts, reason):
    answer = post(client, form(part("to", "a@x"), *parts), status=400)

    assert reason in answer.text
    assert list(storage) == []


def test_get_is_told_to_post(client):
    answer = client.get("/sendfile", status=405)

    assert answer.headers["Allow"] == "POST"


def test_an_error_is_a_sentence_or_a_problem_for_those_who_speak_json(client):
    plain = post(client, form(), status=400)
    problem = post(client, form(), status=400, **JSON)

    assert plain.content_type == "text/plain"
    assert plain.text.count("\n") == 1
    assert problem.content_type == "application/problem+json"
    assert problem.json["status"] == 400
    assert problem.json["code"] == "bad-input"
    for answer in (plain, problem):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_link_stands_at_the_root_of_the_host_that_was_asked(client):
    answer = post(client, file_form(b"x"), Host="chat.example:82", **JSON)

    assert answer.json["link"].startswith("http://chat.example:82/uploadfile/wsgi/Storage/")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example/x", "a b", "a'b", 'a"b', "<b>", "user@evil.example", "a\\b", "a;b", "é",
        "http://x", "a,b", "[::1", "::1", "host:", "host:port", "host:123456", "", "[::1]x", "a?b",
        "a#b", "a%00b", "a\tb", "a&b", "a:1:2", "'", "(", "*", "{}", "|", "^",
    ],
)  # fmt: skip
def test_a_host_that_is_none_is_refused(client, storage, host):
    answer = post(client, file_form(b"x"), Host=host, status=400)

    assert host == "" or host not in answer.text
    assert list(storage) == []


@pytest.mark.parametrize("host", ["a-b.example", "A_b:8080", "[::1]", "[2001:db8::1]:82", "127.1"])
def test_a_host_that_is_one_is_believed(client, host):
    link = post(client, file_form(b"x"), Host=host, **JSON).json["link"]

    assert link.startswith(f"http://{host}/")
