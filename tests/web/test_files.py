"""GET and HEAD of stored files: the file's own bytes, and headers that keep it harmless."""

from datetime import timedelta

import pytest
from webtest import TestApp

from uploadsvc.storage import Key, StoredFile
from uploadsvc.storage.local import LocalStorage
from uploadsvc.web.files import files

PATH = "/uploadfile/wsgi/Storage"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def stored(storage):
    return storage.save("digits.txt", [b"0123456789"])


def url(stored: StoredFile) -> str:
    return f"{PATH}/{stored.key.folder}/{stored.key.name}"


def test_gives_the_bytes(client, stored):
    answer = client.get(url(stored))

    assert answer.body == b"0123456789"
    assert answer.headers["Content-Length"] == "10"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_head_gives_the_same_headers_and_no_bytes(client, stored):
    get, head = client.get(url(stored)), client.head(url(stored))

    assert head.body == b""
    assert dict(head.headers) | {"Cache-Control": ""} == dict(get.headers) | {"Cache-Control": ""}


@pytest.mark.parametrize(
    ("asked", "given", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_gives_a_range(client, stored, asked, given, content_range):
    answer = client.get(url(stored), headers={"Range": asked}, status=206)

    assert answer.body == given
    assert answer.headers["Content-Range"] == content_range
    assert answer.headers["Content-Length"] == str(len(given))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(client, stored, asked):
    answer = client.get(url(stored), headers={"Range": asked}, status=416)

    assert answer.headers["Content-Range"] == "bytes */10"
    assert asked not in answer.text


@pytest.mark.parametrize("asked", ["bytes=a-b", "lines=1-2", "bytes=5-3", "bytes=0-1,3-4", ""])
def test_a_range_that_is_not_understood_gives_the_whole(client, stored, asked):
    assert client.get(url(stored), headers={"Range": asked}, status=200).body == b"0123456789"


def test_what_the_client_has_is_not_sent_again(client, stored):
    first = client.get(url(stored))
    for headers in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        assert client.get(url(stored), headers=headers, status=304).body == b""


FAR = "Sun, 06 Nov 99999999 08:49:37 GMT"
LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"
SOON = "Sun, 06 Nov 2094 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"', "If-Modified-Since": SOON}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": LONG_AGO}, 412),
        ({"If-Unmodified-Since": SOON}, 200),
        ({"If-Modified-Since": FAR}, 200),
        ({"If-Unmodified-Since": FAR}, 200),
        ({"If-Range": FAR, "Range": "bytes=0-1"}, 200),
        ({"If-Range": LONG_AGO, "Range": "bytes=0-1"}, 200),
        ({"If-Modified-Since": SOON, "Range": "bytes=99-"}, 304),
        ({"If-Unmodified-Since": LONG_AGO, "Range": "bytes=0-1"}, 412),
    ],
)
def test_conditions_are_judged_as_the_rfc_orders_them(client, stored, headers, status):
    client.get(url(stored), headers=headers, status=status)


def test_a_range_is_for_get_alone(client, stored):
    answer = client.head(url(stored), headers={"Range": "bytes=0-3"}, status=200)

    assert answer.headers["Content-Length"] == "10"


def test_if_range_with_another_tag_gives_the_whole(client, stored):
    tag = client.get(url(stored)).headers["ETag"]
    same = client.get(url(stored), headers={"Range": "bytes=0-1", "If-Range": tag})
    other = client.get(url(stored), headers={"Range": "bytes=0-1", "If-Range": '"other"'})

    assert not tag.startswith("W/")
    assert same.status_int == 206
    assert other.status_int == 200


def test_a_picture_is_shown_and_carries_the_headers_of_the_contract(client, storage):
    answer = client.get(url(storage.save("a.png", [PNG])))
    headers = dict(answer.headers)

    assert headers.pop("Cache-Control").startswith("private, max-age=86")
    assert headers.pop("ETag")
    assert headers.pop("Last-Modified")
    assert headers == {
        "Content-Type": "image/png",
        "Content-Length": str(len(PNG)),
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Content-Disposition": "inline; filename=\"a.png\"; filename*=UTF-8''a.png",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
    }


ACTIVE = """
html htm xhtml xht shtml mht mhtml svg svgz xml xsl xslt xsd rdf atom rss mathml js mjs css swf
pdf jar class php phtml phar php5 asp aspx jsp cgi pl py sh exe bat lnk url hta vbs ps1 htaccess
htc wasm json csv docm md manifest webmanifest ics
"""


@pytest.mark.parametrize("extension", ACTIVE.split())
def test_what_could_run_in_a_browser_is_a_download_in_a_sandbox(client, storage, extension):
    stored = storage.save(f"a.{extension}", [b"<script>alert(1)</script>"])
    headers = client.get(url(stored)).headers

    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["Content-Security-Policy"].endswith("; sandbox")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "data", "media_type", "inline"),
    [
        ("page.png", b"<html><script>", "application/octet-stream", False),
        ("page.html", PNG, "image/png", True),
        ("image.gif", b"GIF89a/*<script>*/=1;alert(1)", "image/gif", True),
        ("notes.txt", b"<script>alert(1)</script>", "text/plain; charset=utf-8", True),
        ("picture.svg", b"<svg xmlns=", "image/svg+xml", False),
        ("noextension", b"hello", "application/octet-stream", False),
        ("archive.tar.gz", b"\x1f\x8b", "application/octet-stream", False),
        ("a.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0", "video/mp4", True),
        ("a.mp3", b"ID3\x04\0\0", "audio/mpeg", True),
    ],
)
def test_the_type_comes_from_the_content_first_and_the_name_second(
    client, storage, name, data, media_type, inline
):
    headers = client.get(url(storage.save(name, [data]))).headers

    assert headers["Content-Type"] == media_type
    assert headers["Content-Disposition"].startswith("inline" if inline else "attachment")


def test_a_name_beyond_ascii_is_told_in_both_ways(client, storage):
    stored = storage.save('é "q" 字.txt', [b"x"])
    link = f"{PATH}/{stored.key.folder}/%C3%A9%20%22q%22%20%E5%AD%97.txt"

    assert client.get(link).headers["Content-Disposition"] == (
        "inline; filename=\"_ _q_ _.txt\"; filename*=UTF-8''%C3%A9%20%22q%22%20%E5%AD%97.txt"
    )


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/AAAAAAAA",
        "/AAAAAAAA/",
        "/AAAAAAAA/none.txt",
        "/../secret",
        "/AAAAAAAA/../secret",
        "/.partial-1/photo.jpg",
        "/AAAAAAAA/a%00b",
        "/AAAAAAAA/%2e%2e",
        "/AAAAAAAA/a%2Fb",
        "/%ff/%ff",
    ],
)
def test_what_is_no_stored_file_is_not_there(client, path):
    client.get(PATH + path, status=404)


def test_a_name_from_an_old_installation_that_is_not_utf_8_still_has_its_link(tmp_path):
    (tmp_path / "AAAAAAAA").mkdir()
    (tmp_path / "AAAAAAAA" / "caf\udce9.jpg").write_bytes(b"old")
    client = TestApp(files(LocalStorage(tmp_path), keep=timedelta(days=1)))

    assert client.get("/AAAAAAAA/caf%E9.jpg").body == b"old"
    assert Key("AAAAAAAA", "caf\udce9.jpg").name == "caf\udce9.jpg"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_stored_file_is_only_read(client, stored, method):
    answer = client.request(url(stored), method=method, status=405)

    assert answer.headers["Allow"] == "GET, HEAD"
