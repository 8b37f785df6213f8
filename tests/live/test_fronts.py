"""HEAD, Range, conditions and names: the same through every server that may stand in front."""

import contextlib
import http.client
import os
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from apache import running_apache
from clients import fetch, upload
from nginx import running_nginx
from servers import running_service

pytestmark = pytest.mark.live

STORAGE_PATH = "/uploadfile/wsgi/Storage"
SMALL, LARGE = 1_000, 300_000  # what the service sends by itself, and what it leaves to others
HOUR_AGO = time.time() - 3600

# Any character that a name may have; none of them means anything to anybody on the way.
ODD_NAMES = [
    *(b"a%cb%c" % (code, code) for code in range(1, 128) if code != ord("/")),
    *("a%41.txt", "%2e%2e%2fx", "%00", "%", "..x", "...", "~", "a?b#c;d&e=f+.jpg", "con.txt"),
    *("voilà", "\x85", "例え.txt", "💩" * 50, "e\u0301.jpg", "\u202e", "\ufeff"),
    *(b"caf\xe9.jpg", b"\xa0", b"\xff"),
]


@contextlib.contextmanager
def gunicorn_alone(program, tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("alone"), disk_floor=0) as service:
        yield service


def nginx(send_files):
    return lambda program, _: running_nginx(program("nginx"), send_files=send_files)


def apache(**options):
    return lambda program, _: running_apache(program("apache2"), **options)


FRONTS = {
    "gunicorn": gunicorn_alone,
    "nginx": nginx("python"),
    "nginx with X-Accel-Redirect": nginx("x-accel-redirect"),
    "Apache": apache(),
    "Apache with X-Sendfile": apache(defined={"XSENDFILE": ""}, send_files="x-sendfile"),
}


@pytest.fixture(scope="module", params=FRONTS)
def front(request, program, tmp_path_factory):
    with FRONTS[request.param](program, tmp_path_factory) as running:
        running.name = request.param
        yield running


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def data(request):
    return bytes(range(250)) * (request.param // 250)


@pytest.fixture
def link(front, data):
    """The link of a file that is an hour old: Apache's tag is weak when it is new."""
    answer = upload(front.url, data, filename="holiday.bin")
    path = front.storage / answer.json["link"].partition(f"{STORAGE_PATH}/")[2]
    os.utime(path, (HOUR_AGO, HOUR_AGO))
    return answer.json["link"]


def test_the_link_leads_through_the_front_and_gives_the_bytes(front, link, data):
    answer = fetch(link)

    assert link.startswith(f"{front.url}{STORAGE_PATH}/")
    assert (answer.status, answer.body) == (200, data)
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_head_gives_the_same_headers_and_no_bytes(link):
    passing = {"Date": "", "Cache-Control": "", "Connection": ""}
    get, head = fetch(link), fetch(link, method="HEAD")

    assert (head.status, head.body) == (200, b"")
    assert head.headers | passing == get.headers | passing


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-3"}], ids=["whole", "range"])
def test_no_header_is_said_twice(front, link, headers):
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", urlsplit(link).path, headers=headers)
        said = [name.lower() for name, _ in connection.getresponse().getheaders()]

    assert sorted(said) == sorted(set(said))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 3),
        ("bytes=100-199", 100, 199),
        ("bytes=0-0", 0, 0),
        ("bytes=500-", 500, -1),
        ("bytes=-2", -2, -1),
        ("bytes=998-99999999", 998, -1),
    ],
)
def test_a_range_gives_those_bytes_and_says_which(link, data, asked, first, last):
    first, last = first % len(data), last % len(data)
    answer = fetch(link, headers={"Range": asked})

    assert (answer.status, answer.body) == (206, data[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    assert answer.headers["Content-Length"] == str(last + 1 - first)


def test_the_ranges_of_a_file_together_are_the_file(link, data):
    step = len(data) // 7 + 1
    parts = [
        fetch(link, headers={"Range": f"bytes={start}-{start + step - 1}"})
        for start in range(0, len(data), step)
    ]

    assert {part.status for part in parts} == {206}
    assert b"".join(part.body for part in parts) == data


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=99999999-99999999", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(front, link, data, asked):
    answer = fetch(link, headers={"Range": asked})

    if front.name == "Apache":
        # It does not understand the last of them, and leaves the length out of its refusals.
        assert answer.status == (200 if asked == "bytes=-0" else 416)
    else:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("asked", ["bytes=a-b", "lines=1-2", "bytes=5-3", "bytes=0-1,3-4", "x"])
def test_a_range_that_is_not_understood_or_several_give_the_whole(link, data, asked):
    answer = fetch(link, headers={"Range": asked})

    assert (answer.status, answer.body) == (200, data)


def test_a_range_is_for_get_alone(link, data):
    answer = fetch(link, method="HEAD", headers={"Range": "bytes=0-3"})

    assert answer.headers["Content-Length"] in (str(len(data)), "4")
    assert answer.body == b""


def test_an_interrupted_download_goes_on_only_if_the_file_is_the_same(link, data):
    facts = fetch(link, method="HEAD").headers
    same = [
        fetch(link, headers={"Range": "bytes=500-", "If-Range": facts[name]})
        for name in ("ETag", "Last-Modified")
    ]
    others = [
        fetch(link, headers={"Range": "bytes=500-", "If-Range": other})
        for other in ('"other"', "Sun, 06 Nov 1994 08:49:37 GMT", "yesterday")
    ]

    assert not facts["ETag"].startswith("W/")
    assert [(answer.status, answer.body) for answer in same] == [(206, data[500:])] * 2
    assert [(answer.status, answer.body) for answer in others] == [(200, data)] * 3


SOON, LONG_AGO = "Sun, 06 Nov 2094 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "TAG"}, 304),
        ({"If-None-Match": '"other", TAG'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-Modified-Since": "DATE"}, 304),
        ({"If-None-Match": "TAG", "Range": "bytes=0-1"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": "DATE"}, 200),
        ({"If-Modified-Since": LONG_AGO}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Match": "TAG"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": "TAG", "Range": "bytes=0-1"}, 206),
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": "DATE"}, 200),
        ({"If-Unmodified-Since": SOON}, 200),
        ({"If-Unmodified-Since": "yesterday"}, 200),
        ({"If-Unmodified-Since": LONG_AGO}, 412),
    ],
)
def test_conditions_are_judged_as_the_rfc_says(link, headers, status):
    facts = fetch(link).headers
    told = {
        name: value.replace("TAG", facts["ETag"]).replace("DATE", facts["Last-Modified"])
        for name, value in headers.items()
    }
    answer = fetch(link, headers=told)

    assert answer.status == status
    assert status != 304 or answer.body == b""


def test_a_file_of_any_name_comes_back(front, data):
    wrong = []
    for number, name in enumerate(ODD_NAMES):
        name = name if isinstance(name, bytes) else name.encode()
        folder = front.storage / f"odd{len(data)}n{number}"
        folder.mkdir(mode=0o755)
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(data)
        answer = fetch(f"{front.url}{STORAGE_PATH}/{folder.name}/{quote(name, safe='')}")
        if (answer.status, answer.body) != (200, data):
            wrong.append((name, answer.status, len(answer.body)))

    assert wrong == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_stored_file_is_only_read(front, link, data, method):
    answer = fetch(link, method=method, data=b"x")

    assert 400 <= answer.status < 500 or front.name == "Apache"
    assert fetch(link).body == data
