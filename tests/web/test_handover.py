"""Stored files that the server in front sends: which, and what it is told."""

import os
from datetime import timedelta
from urllib.parse import quote

import pytest
from webtest import TestApp

from uploadsvc.errors import BadSettings, Unavailable
from uploadsvc.storage import StoredFile
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.memory import MemoryStorage
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.files import files

FAR = "Sun, 06 Nov 99999999 08:49:37 GMT"
LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"
SOON = "Sun, 06 Nov 2094 08:49:37 GMT"
LARGE = b"0123456789" * 10_000


@pytest.fixture
def local(tmp_path):
    return LocalStorage(tmp_path)


def served(storage, send_files, **options):
    app = files(storage, keep=timedelta(days=1), send_files=send_files, **options)
    return TestApp(answer_errors(app))


def path_of(stored: StoredFile) -> str:
    return f"/{stored.key.folder}/{as_sent(stored.key.name)}"


def as_sent(name: str) -> str:
    return quote(os.fsencode(name))


def told(answer) -> str | None:
    """What the server in front is told; None when the service sends the file itself."""
    return answer.headers.get("X-Accel-Redirect") or answer.headers.get("X-Sendfile")


@pytest.mark.parametrize("send_files", ["x-sendfile", "x-accel-redirect"])
def test_a_large_file_is_left_to_the_server_in_front_with_all_its_headers(local, send_files):
    stored = local.save("a.txt", [LARGE])
    left = served(local, send_files).get(path_of(stored))
    sent = served(local, "python").get(path_of(stored))
    passing = {"X-Accel-Redirect", "X-Sendfile", "Accept-Ranges", "Content-Length"}

    assert (left.body, sent.body) == (b"", LARGE)
    assert told(left)
    assert {key: value for key, value in left.headers.items() if key not in passing} == {
        key: value for key, value in sent.headers.items() if key not in passing
    }


@pytest.mark.parametrize(("size", "is_left"), [(65_535, False), (65_536, True)])
def test_a_small_file_is_sent_by_the_service(local, size, is_left):
    stored = local.save("a.bin", [b"x" * size])
    answer = served(local, "x-accel-redirect").get(path_of(stored))

    assert len(answer.body) == (0 if is_left else size)
    assert bool(told(answer)) == is_left


@pytest.mark.parametrize("name", ["a%41?b#c d.txt", "字 ü\\n.txt", "a\n", 'a"b', "caf\udce9"])
def test_nginx_is_told_the_name_so_that_it_decodes_to_the_same(local, name):
    stored = local.save(name, [LARGE])
    path = told(served(local, "x-accel-redirect").get(path_of(stored)))

    assert path == f"/.uploadsvc-files/{stored.key.folder}/{as_sent(name)}"


@pytest.mark.parametrize("name", ["a?b#c d.txt", "字 ü.txt", 'a"b', "caf\udce9", "voilà"])
def test_apache_is_told_the_path_as_it_is(local, tmp_path, name):
    stored = local.save(name, [LARGE])
    path = told(served(local, "x-sendfile").get(path_of(stored)))

    assert os.fsdecode(path.encode("latin-1")) == str(tmp_path / stored.key.folder / name)


@pytest.mark.parametrize("name", ["100%.txt", "%41", "a ", "a\n", "a\tb", "\x7f", "a\r\nX-Evil: 1"])
def test_what_apache_might_misread_is_sent_by_the_service(local, name):
    stored = local.save(name, [LARGE])
    answer = served(local, "x-sendfile").get(path_of(stored))

    assert told(answer) is None
    assert answer.body == LARGE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-9"},
        {"Range": "bytes=99999-"},
        {"Range": "bytes=0-9", "If-Range": "TAG"},
    ],
)
def test_plain_requests_and_plain_ranges_are_left_to_the_server_in_front(local, headers):
    stored = local.save("a.bin", [LARGE])
    client = served(local, "x-accel-redirect")
    tag = client.get(path_of(stored)).headers["ETag"]
    asked = {name: value.replace("TAG", tag) for name, value in headers.items()}

    assert told(client.get(path_of(stored), headers=asked, status=200))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "bytes=100000-"}, 416),
        ({"Range": "bytes=-0"}, 416),
        ({"Range": "bytes=-5"}, 206),
        ({"Range": "bytes=5-3"}, 200),
        ({"Range": "bytes=0-1,3-4"}, 200),
        ({"Range": "nonsense"}, 200),
        ({"Range": "bytes=0-9", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=0-9", "If-Range": LONG_AGO}, 200),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": SOON}, 304),
        ({"If-Modified-Since": FAR}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": LONG_AGO}, 412),
    ],
)
def test_what_takes_judgement_is_answered_by_the_service(local, headers, status):
    stored = local.save("a.bin", [LARGE])
    answer = served(local, "x-accel-redirect").get(path_of(stored), headers=headers, status=status)

    assert told(answer) is None


def test_a_head_is_answered_by_the_service(local):
    stored = local.save("a.bin", [LARGE])
    answer = served(local, "x-accel-redirect").head(path_of(stored))

    assert told(answer) is None
    assert answer.headers["Content-Length"] == str(len(LARGE))


def test_what_is_not_there_is_not_left_to_anybody(local):
    client = served(local, "x-accel-redirect")

    assert told(client.get("/AAAAAAAA/none.txt", status=404)) is None


def test_a_file_that_another_sends_holds_no_place_here(local):
    def nobody_may():
        raise Unavailable("too many files are being sent")

    stored = local.save("a.bin", [LARGE])
    left = served(local, "x-accel-redirect", begin_sending=nobody_may)
    sent = served(local, "python", begin_sending=nobody_may)

    assert told(left.get(path_of(stored)))
    assert told(sent.get(path_of(stored), status=503)) is None


@pytest.mark.parametrize("header", ["X-Sendfile", "X-Accel-Redirect", "X-Sendfile-Type"])
def test_nobody_is_told_anything_when_the_service_sends_all_files(local, header):
    stored = local.save("a.bin", [LARGE])
    answer = served(local, "python").get(path_of(stored), headers={header: "/etc/passwd"})

    assert answer.body == LARGE
    assert not [name for name in answer.headers if name.lower().startswith(("x-send", "x-accel"))]


@pytest.mark.parametrize("send_files", ["x-sendfile", "x-accel-redirect"])
def test_a_storage_without_paths_can_leave_nothing_to_others(send_files):
    with pytest.raises(BadSettings, match="send_files"):
        files(MemoryStorage(), keep=timedelta(days=1), send_files=send_files)
