"""Resumable uploads as their clients see them (contract 6)."""

import base64
import hashlib
import json
from urllib.parse import urljoin

import pytest
from webtest import TestApp

from uploadsvc import Settings, make_app, make_tus

VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}


@pytest.fixture
def make(tmp_path):
    def make(factory=make_app, script_name="", **settings):
        settings = {"data_dir": tmp_path / "data", "disk_floor": 0, "decoders": 1} | settings
        app = factory(Settings(**settings))
        return TestApp(app, extra_environ={"SCRIPT_NAME": script_name})

    return make


@pytest.fixture
def client(make):
    return make()


def told(**pairs):
    return ",".join(
        f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in pairs.items()
    )


def ask(client, method, url, body=b"", status=None, **headers):
    headers = VERSION | {name.replace("_", "-"): str(value) for name, value in headers.items()}
    headers = {name: value for name, value in headers.items() if value != "None"}
    return client.request(url, method=method, body=body, headers=headers, status=status)


def begin(client, length=11, body=b"", path="/files/", **headers):
    headers.setdefault("Upload_Metadata", told(filename="a b.txt"))
    answer = ask(client, "POST", path, body, status=201, Upload_Length=length, **headers)
    return urljoin(path, answer.headers["Location"])


def append(client, url, body, offset=0, status=204, **headers):
    headers = {"Content_Type": BYTES["Content-Type"], "Upload_Offset": offset} | headers
    return ask(client, "PATCH", url, body, status=status, **headers)


def head(client, url, status=200):
    return ask(client, "HEAD", url, status=status).headers


def link_path(answer):
    return answer.headers["Content-Location"].removeprefix("http://localhost")


def test_options_tells_what_is_spoken(client):
    for path in ("/files/", "/files", "/files/" + "A" * 22):
        headers = client.options(path, status=204).headers

        assert headers["Tus-Version"] == "1.0.0"
        assert headers["Tus-Max-Size"] == "100000000"
        assert headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"
        assert "concatenation" in headers["Tus-Extension"]


def test_an_upload_that_breaks_off_goes_on_and_becomes_an_ordinary_file(client):
    url = begin(client)
    append(client, url, b"hello ")
    assert head(client, url)["Upload-Offset"] == "6"
    last = append(client, url, b"world", offset=6)

    assert last.headers["Upload-Offset"] == "11"
    assert client.get(link_path(last)).body == b"hello world"
    assert client.get(url).body == b"hello world"
    assert client.get(url).headers["Content-Disposition"].startswith('inline; filename="a b.txt"')


def test_head_tells_where_an_upload_stands(client):
    metadata = told(filename="a b.txt", filetype="text/plain")
    url = begin(client, Upload_Metadata=metadata)
    headers = head(client, url)

    assert headers["Upload-Offset"] == "0"
    assert headers["Upload-Length"] == "11"
    assert headers["Upload-Metadata"] == metadata
    assert headers["Cache-Control"] == "no-store"
    assert headers["Upload-Expires"].endswith(" GMT")


def test_every_answer_of_the_protocol_says_its_version(client):
    url = begin(client)
    answers = [
        append(client, url, b"hello"),
        append(client, url, b"hello", status=409),
        ask(client, "HEAD", url),
        ask(client, "HEAD", "/files/" + "A" * 22, status=404),
        ask(client, "POST", "/files/", status=400),
        ask(client, "DELETE", url, status=204),
    ]

    assert {answer.headers["Tus-Resumable"] for answer in answers} == {"1.0.0"}


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_is_refused_and_nothing_is_done(client, method):
    url = begin(client) if method != "POST" else "/files/"
    for version in (None, "0.2.2"):
        answer = ask(client, method, url, status=412, Tus_Resumable=version, Upload_Length=1)

        assert answer.headers["Tus-Version"] == "1.0.0"
    if method != "POST":
        assert head(client, url)["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload_Length": None}, 400),
        ({"Upload_Length": "-1"}, 400),
        ({"Upload_Length": 100_000_001}, 413),
        ({"Upload_Defer_Length": "2", "Upload_Length": None}, 400),
        ({"Upload_Metadata": "a !"}, 400),
        ({"Upload_Metadata": told(expires="yesterday")}, 400),
        ({"Upload_Metadata": told(to="a\nb")}, 400),
        ({"Upload_Concat": "final;/files/none", "Upload_Length": None}, 400),
        ({"Upload_Concat": "final;http://[/x", "Upload_Length": None}, 400),
        ({"Upload_Metadata": "filename /w=="}, 400),
    ],
)
def test_a_creation_that_cannot_be_is_refused_and_leaves_nothing(client, headers, status, tmp_path):
    ask(client, "POST", "/files/", status=status, **({"Upload_Length": 11} | headers))

    assert list((tmp_path / "data" / "Uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Upload_Offset": 5}, b"hello", 409),
        ({"Upload_Offset": None}, b"hello", 400),
        ({"Upload_Offset": "x"}, b"hello", 400),
        ({"Content_Type": "text/plain"}, b"hello", 415),
        ({}, b"hello world!", 413),
        ({"Upload_Length": 12}, b"hello", 400),
        ({"Upload_Checksum": "crc32 AAAA"}, b"hello", 400),
        ({"Upload_Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}, b"hello", 460),
    ],
)
def test_bytes_that_cannot_be_taken_change_nothing(client, headers, body, status):
    url = begin(client)
    answer = append(client, url, body, status=status, **headers)

    assert head(client, url)["Upload-Offset"] == "0"
    assert answer.text.endswith("\n")
    assert answer.text.count("\n") == 1


def test_a_wrong_offset_is_told_the_right_one(client):
    url = begin(client)
    append(client, url, b"hello ")

    assert append(client, url, b"x", offset=0, status=409).headers["Upload-Offset"] == "6"


def test_a_piece_with_its_checksum_is_kept(client):
    url = begin(client)
    for algorithm, piece, offset in (
        ("sha1", b"hello ", 0),
        ("md5", b"wor", 6),
        ("sha256", b"ld", 9),
    ):
        digest = base64.b64encode(hashlib.new(algorithm, piece).digest()).decode()
        append(client, url, piece, offset=offset, Upload_Checksum=f"{algorithm} {digest}")

    assert client.get(url).body == b"hello world"


def test_a_mismatch_has_its_own_status_and_name(client):
    url = begin(client)
    headers = {"Upload_Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "Accept": "application/json"}
    answer = append(client, url, b"hello", status=460, **headers)

    assert answer.status == "460 Checksum Mismatch"
    assert answer.json["code"] == "checksum-mismatch"


def test_the_method_may_be_told_in_a_header(client):
    url = begin(client)
    override = {"X_HTTP_Method_Override": "PATCH", "Content_Type": BYTES["Content-Type"]}
    ask(client, "POST", url, b"hello", status=204, Upload_Offset=0, **override)
    assert ask(client, "POST", url, X_HTTP_Method_Override="HEAD").headers["Upload-Offset"] == "5"
    ask(client, "POST", url, status=204, X_HTTP_Method_Override="DELETE")

    head(client, url, status=404)


def test_a_post_that_asks_as_head_gets_the_body_of_its_error(client):
    refused = ask(client, "POST", "/files/" + "A" * 22, status=404, X_HTTP_Method_Override="HEAD")

    assert refused.text == "there is no such upload\n"


def test_a_get_may_be_told_in_a_header_too(client):
    url = begin(client)
    append(client, url, b"hello world")
    get = {"X_HTTP_Method_Override": "GET"}

    assert ask(client, "POST", url, **get).body == b"hello world"
    assert ask(client, "POST", f"{url}/info", **get).json["size"] == 11
    assert ask(client, "HEAD", url, X_HTTP_Method_Override="").headers["Upload-Offset"] == "11"


def test_a_length_may_be_told_later(client):
    url = begin(client, length=None, Upload_Defer_Length=1)
    append(client, url, b"hello ")
    assert head(client, url)["Upload-Defer-Length"] == "1"
    last = append(client, url, b"world", offset=6, Upload_Length=11)

    assert client.get(link_path(last)).body == b"hello world"
    assert head(client, url)["Upload-Length"] == "11"


class TestCreationWithUpload:
    def test_all_bytes_at_once_are_a_stored_file(self, client):
        answer = ask(client, "POST", "/files/", b"hello world", Upload_Length=11, **content())

        assert answer.status_int == 201
        assert answer.headers["Upload-Offset"] == "11"
        assert client.get(link_path(answer)).body == b"hello world"

    def test_the_first_bytes_are_kept(self, client):
        url = begin(client, body=b"hello ", **content())
        assert head(client, url)["Upload-Offset"] == "6"
        append(client, url, b"world", offset=6)

        assert client.get(url).body == b"hello world"

    def test_bytes_of_an_upload_without_a_length_are_kept(self, client):
        url = begin(client, length=None, body=b"hello", Upload_Defer_Length=1, **content())

        assert head(client, url)["Upload-Offset"] == "5"

    def test_bytes_of_another_type_are_refused(self, client):
        ask(client, "POST", "/files/", b"hello", status=415, Upload_Length=5)

    def test_more_than_the_length_is_refused(self, client, tmp_path):
        ask(client, "POST", "/files/", b"hello!", status=413, Upload_Length=5, **content())

        assert list((tmp_path / "data" / "Uploads").iterdir()) == []

    def test_a_wrong_checksum_keeps_nothing(self, client, tmp_path):
        wrong = {"Upload_Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}
        ask(client, "POST", "/files/", b"hello", status=460, Upload_Length=5, **wrong, **content())

        assert list((tmp_path / "data" / "Storage").iterdir()) == []


def content():
    return {"Content_Type": BYTES["Content-Type"]}


class TestConcatenation:
    def parts(self, client, *datas):
        urls = []
        for data in datas:
            urls.append(begin(client, length=len(data), Upload_Concat="partial"))
            append(client, urls[-1], data)
        return urls

    def test_parts_become_one_file(self, client):
        parts = self.parts(client, b"hello ", b"world")
        url = begin(client, length=None, Upload_Concat="final;" + " ".join(parts))
        headers = head(client, url)

        assert client.get(url).body == b"hello world"
        assert headers["Upload-Concat"] == "final;" + " ".join(parts)
        assert headers["Upload-Offset"] == headers["Upload-Length"] == "11"
        assert head(client, parts[0])["Upload-Concat"] == "partial"

    def test_a_part_is_no_file(self, client):
        [part] = self.parts(client, b"hello")

        client.get(part, status=404)
        assert client.get(f"{part}/info").json["complete"] is True

    def test_a_final_upload_takes_no_bytes(self, client):
        parts = self.parts(client, b"hello")
        url = begin(client, length=None, Upload_Concat=f"final;{parts[0]}")

        append(client, url, b"x", offset=5, status=403)
        assert client.get(url).body == b"hello"

    def test_parts_may_be_named_as_their_client_sees_them_behind_a_proxy(self, client):
        parts = self.parts(client, b"hello")
        final = f"final;https://files.example/prefix{parts[0]}"

        assert client.get(begin(client, length=None, Upload_Concat=final)).body == b"hello"


class TestWhatTheClientLearns:
    def test_of_a_finished_upload_everything(self, client, picture):
        url = begin(client, len(picture), Upload_Metadata=told(filename="p.png"))
        append(client, url, picture)
        answer = client.get(f"{url}/info").json

        assert answer["name"] == "p.png"
        assert answer["size"] == len(picture)
        assert answer["type"] == "image/png"
        assert (answer["width"], answer["height"]) == (120, 80)
        assert answer["sha256"] == hashlib.sha256(picture).hexdigest()
        assert client.get(answer["preview"]).content_type.startswith("image/")
        assert client.get(answer["link"]).body == picture
        client.delete(answer["delete"], status=204)
        client.get(answer["link"], status=404)
        client.get(url, status=410)
        head(client, url, status=410)

    def test_of_an_unfinished_one_how_far_it_is(self, client):
        url = begin(client)
        append(client, url, b"hello")
        answer = client.get(f"{url}/info").json

        assert answer.pop("expires").endswith("Z")
        assert answer == {"complete": False, "offset": 5, "size": 11}
        client.get(url, status=404)

    def test_the_life_that_was_chosen(self, client):
        url = begin(client, Upload_Metadata=told(filename="a.txt", expires="600"))
        answer = append(client, url, b"hello world")
        age = client.get(link_path(answer)).headers["Cache-Control"]

        assert 590 <= int(age.partition("max-age=")[2]) <= 600

    def test_whom_the_file_is_for_may_be_said(self, client):
        url = begin(client, Upload_Metadata=told(filename="a.txt", to="o'neil@chat.example"))

        assert "/Storage/" in append(client, url, b"hello world").headers["Content-Location"]


class TestTermination:
    def test_an_unfinished_upload_is_gone(self, client, tmp_path):
        url = begin(client)
        append(client, url, b"hello")
        ask(client, "DELETE", url, status=204)

        head(client, url, status=404)
        ask(client, "DELETE", url, status=404)
        assert list((tmp_path / "data" / "Uploads").iterdir()) == []

    def test_a_finished_one_takes_its_file_along(self, client):
        url = begin(client)
        path = link_path(append(client, url, b"hello world"))
        ask(client, "DELETE", url, status=204)

        client.get(path, status=404)
        client.get(url, status=404)


class TestAddresses:
    @pytest.mark.parametrize(
        ("path", "script_name"),
        [("/files/", ""), ("/files", ""), ("/files/", "/app"), ("/files", "/a/b")],
    )
    def test_the_location_is_relative_to_the_request(self, make, path, script_name):
        client = make(script_name=script_name)
        location = ask(client, "POST", path, Upload_Length=1).headers["Location"]

        assert not location.startswith(("/", "http"))
        assert urljoin(path, location).startswith("/files/")
        assert urljoin(f"https://host/prefix{path}", location).startswith(
            "https://host/prefix/files/"
        )

    def test_the_path_is_a_setting(self, make):
        client = make(tus_path="/resumable/uploads")

        assert begin(client, path="/resumable/uploads/").startswith("/resumable/uploads/")
        client.options("/files/", status=404)

    def test_it_works_alone_wherever_it_is_mounted(self, make):
        client = make(make_tus, script_name="/deep/files")
        location = ask(client, "POST", "/", Upload_Length=1).headers["Location"]
        append(client, f"/{location}", b"x")

        assert client.get(f"/{location}").body == b"x"

    @pytest.mark.parametrize(
        "path", ["/files/../x", "/files/a/b/c", "/files/" + "A" * 22 + "/infos"]
    )
    def test_what_is_not_there_is_404(self, client, path):
        client.get(path, status=404)

    def test_other_methods_are_told_which_there_are(self, client):
        url = begin(client)

        assert "PATCH" in ask(client, "PUT", url, status=405).headers["Allow"]
        assert "POST" in client.get("/files/", status=405).headers["Allow"]
        assert ask(client, "DELETE", f"{url}/info", status=405).headers["Allow"] == "GET, HEAD"


def test_uploads_are_counted_when_they_begin(make):
    client = make(uploads_per_minute=2)
    answers = [ask(client, "POST", "/files/", status="*", Upload_Length=1) for _ in range(6)]

    assert {answer.status_int for answer in answers} == {201, 429}


def test_no_room_is_507_and_json_says_so(make):
    client = make(max_stored=10)
    answer = ask(client, "POST", "/files/", status=507, Upload_Length=11, Accept="application/json")

    assert json.loads(answer.body)["code"] == "no-room"
