"""Files whose life was chosen: how they end, wherever they are asked for."""

import os
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from webtest import TestApp

from clients import file_form, form, part
from sized_pictures import jpeg
from uploadsvc import Settings, again, cleaner, make_app
from uploadsvc.storage.datadir import DataDir

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)


class Site:
    """A whole service; `environ` is the last one that it was asked with."""

    def __init__(self, folder):
        self.data = DataDir(folder / "data")
        app = make_app(Settings(data_dir=self.data.path, disk_floor=0, decoders=1))

        def noting(environ, start_response):
            self.environ = environ
            return app(environ, start_response)

        self.client = TestApp(noting)

    def upload(self, life=None, *, data=None, **options):
        content_type, body = file_form(data or jpeg(120, 80), to=None, expires=life, **options)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        return self.client.post("/sendfile", body, headers=headers, status=201).json

    def path(self, told):
        *_, folder, name = urlsplit(told["link"]).path.split("/")
        return self.data.storage / folder / name

    def let_pass(self, told, how_long):
        """Let a file and its previews be older, as if so much time had gone by."""
        path = self.path(told)
        previews = [each for each in self.data.previews.iterdir() if _mtime(each) == _mtime(path)]
        for each in (path, path.parent, *previews):
            moment = _mtime(each) - int(how_long.total_seconds() * 1e9)
            os.utime(each, ns=(moment, moment))
        # Chat clients have it still in their pages.
        return told["link"]

    def preview(self, told, status=200, **size):
        return self.client.get("/getpreview", {"addr": told["link"]} | size, status=status)

    def clean(self, *, now=None):
        return list(cleaner.clean(self.data, keep=DAY, now=now or datetime.now(UTC)))


def _mtime(path):
    return path.stat().st_mtime_ns


def max_age(answer):
    private, _, seconds = answer.headers["Cache-Control"].partition(", max-age=")
    assert private == "private"
    return int(seconds)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.parametrize("life", ["600", (datetime.now(UTC) + 600 * SECOND).isoformat()])
def test_the_answer_says_when_the_file_goes_and_nobody_keeps_it_longer(site, life):
    told = site.upload(life)
    left = datetime.fromisoformat(told["expires"]) - datetime.now(UTC)

    assert 0 < left.total_seconds() <= 600
    assert 0 < max_age(site.client.get(told["link"])) <= 600
    assert 0 < max_age(site.client.head(told["link"])) <= 600
    assert 0 < max_age(site.preview(told)) <= 600


def test_a_longer_life_than_the_setting_is_the_setting(site):
    told = site.upload("1000000")
    left = datetime.fromisoformat(told["expires"]) - datetime.now(UTC)

    assert DAY - HOUR < left <= DAY
    assert max_age(site.client.get(told["link"])) <= DAY.total_seconds()


def test_when_its_time_is_over_it_is_gone_for_every_question(site):
    told = site.upload("600")
    link = site.let_pass(told, 600 * SECOND)
    tag = {"If-None-Match": "*"}

    for headers in ({}, {"Range": "bytes=0-3"}, tag, {"If-Modified-Since": _HTTP_DATE}):
        answer = site.client.get(link, headers=headers, status=410)
        assert answer.text == "the file's time is over\n"
        assert answer.headers["Cache-Control"] == "no-store"
        site.client.head(link, headers=headers, status=410)
    problem = site.client.get(link, headers={"Accept": "application/json"}, status=410)
    assert problem.json["code"] == "gone"


_HTTP_DATE = "Fri, 01 Jan 2100 00:00:00 GMT"


def test_a_moment_before_its_time_is_over_it_is_there(site):
    told = site.upload("600")

    site.client.get(site.let_pass(told, 560 * SECOND), status=200)
    site.client.get(site.let_pass(told, 40 * SECOND), status=410)


def test_no_preview_outlives_it(site):
    told = site.upload("600")
    site.preview(told)
    site.let_pass(told, 600 * SECOND)

    for size in ({}, {"x": "40"}, {"x": "1000", "y": "1000"}):
        site.preview(told, status=410, **size)


def test_no_preview_outlives_it_on_the_short_way_either(site):
    told = site.upload("600")
    for _ in range(2):
        site.preview(told)
    once_more = site.environ[again.KEY]
    assert once_more() is not None
    site.let_pass(told, 600 * SECOND)

    assert once_more() is None
    site.preview(told, status=410)


def test_what_is_left_of_its_life_is_told_on_the_short_way(site):
    told = site.upload("600")
    for _ in range(2):
        site.preview(told)
    headers = dict(site.environ[again.KEY]().headers)

    assert 0 < int(headers["Cache-Control"].partition("max-age=")[2]) <= 600


def test_a_file_of_the_ordinary_life_that_is_old_and_not_swept_still_answers(site):
    told = site.upload()
    site.preview(told)
    site.let_pass(told, 2 * DAY)

    assert max_age(site.client.get(told["link"], status=200)) == 0
    site.preview(told, status=200)


def test_the_cleaner_takes_it_with_its_previews_and_leaves_the_others(site):
    short, long = site.upload("600"), site.upload()
    for told in (short, long):
        site.preview(told)
    assert site.clean() == []
    site.let_pass(short, 601 * SECOND)
    lines = site.clean()

    assert [line for line in lines if "Storage/" in line] == [
        f"removed Storage/{site.path(short).parent.name}, {short['size']} bytes"
    ]
    assert [line.split(",")[0].rpartition(".")[2] for line in lines if "Previews/" in line] == [
        "jpeg"
    ]
    site.client.get(short["link"], status=404)
    site.preview(short, status=404)
    site.client.get(long["link"], status=200)
    site.preview(long, status=200)


def test_the_cleaner_leaves_it_to_its_last_second(site):
    told = site.upload("600")
    end = datetime.fromtimestamp(_mtime(site.path(told)) / 1e9, tz=UTC) + DAY

    assert site.clean(now=end - SECOND) == []
    assert len(site.clean(now=end + SECOND)) == 2


def test_a_folder_of_a_short_life_is_as_old_as_its_file(site):
    """Or the cleaner would keep both for as long as others."""
    path = site.path(site.upload("600"))

    assert abs(time.time_ns() - DAY.total_seconds() * 1e9 + 600e9 - _mtime(path.parent)) < 60e9


def test_a_life_in_the_query_and_in_a_field_after_the_file_counts_too(site):
    def post(*parts, url="/sendfile", status=201, **headers):
        content_type, body = form(*parts)
        headers |= {"Content-Type": content_type, "Accept": "application/json"}
        return site.client.post(url, body, headers=headers, status=status)

    file, expires = part("file1", b"x", filename="a.txt"), part("expires", "600")
    for answer in (
        post(file, expires),
        post(file, url="/sendfile?expires=600"),
        post(file, expires, url="/sendfile?expires=600", Expires="600"),
        post(file, Expires="600"),
        post(file, Expires=(datetime.now(UTC) + 600 * SECOND).strftime("%a, %d %b %Y %T GMT")),
    ):
        left = datetime.fromisoformat(answer.json["expires"]) - datetime.now(UTC)
        assert 0 < left.total_seconds() <= 600


@pytest.mark.parametrize(
    ("url", "field", "header"),
    [
        ("/sendfile", "yesterday", None), ("/sendfile", "0", None),
        ("/sendfile", "2020-01-01T00:00:00Z", None), ("/sendfile", "2100-01-01T00:00:00", None),
        ("/sendfile?expires=-1", None, None), ("/sendfile?expires=600&expires=700", None, None),
        ("/sendfile?expires=600", "700", None), ("/sendfile?expires=600", None, "700"),
        ("/sendfile", "600", "700"), ("/sendfile", None, "soon"),
        ("/sendfile", None, "Thu, 01 Jan 1970 00:00:00 GMT"), ("/sendfile", "9" * 5000, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("json", [True, False])
def test_a_life_that_cannot_be_is_refused_and_nothing_is_kept(site, url, field, header, json):
    fields = [part("expires", field)] if field else []
    content_type, body = form(part("to", "a@x"), part("file1", b"x", filename="a.txt"), *fields)
    headers = {"Content-Type": content_type} | ({"Expires": header} if header else {})
    headers |= {"Accept": "application/json"} if json else {}
    answer = site.client.post(url, body, headers=headers, status=400)

    assert "expires" in answer.text
    assert list(site.data.storage.iterdir()) == []


@pytest.mark.parametrize("header", ["0", "-1", ""])
def test_who_means_caches_by_the_header_asks_for_no_life(site, header):
    """RFC 9111 5.3: `0` is what many send."""
    content_type, body = file_form(b"x")
    headers = {"Content-Type": content_type, "Accept": "application/json", "Expires": header}
    answer = site.client.post("/sendfile", body, headers=headers, status=201)

    left = datetime.fromisoformat(answer.json["expires"]) - datetime.now(UTC)
    assert left > DAY - HOUR


def test_the_phone_may_choose_a_life_and_gets_the_script_it_always_got(site):
    content_type, body = file_form(b"x", expires="600")
    answer = site.client.post("/sendfile", body, headers={"Content-Type": content_type}, status=200)
    [path] = site.data.storage.glob("*/*")

    assert answer.text == (
        "top.Ext.dispatch({controller:'Chat', action: 'upload_result', args : "
        f"['http://localhost/uploadfile/wsgi/Storage/{path.parent.name}/photo.jpg', "
        "'juliet@capulet.example']});"
    )
    assert time.time_ns() - _mtime(path) > (DAY - 601 * SECOND).total_seconds() * 1e9


def test_the_client_is_told_what_picture_it_was_and_deletes_it_with_all_previews(site):
    told = site.upload(data=jpeg(120, 80))
    assert (told["width"], told["height"]) == (120, 80)
    shown = site.client.get(told["preview"].removeprefix("http://localhost"))
    assert shown.content_type == "image/jpeg"
    site.preview(told, x="50")

    site.client.delete(told["delete"].removeprefix("http://localhost"), status=204)
    site.client.get(told["link"], status=404)
    for size in ({}, {"x": "50"}, {"x": "60"}):
        site.preview(told, status=404, **size)
    assert [path.suffix for path in site.data.previews.iterdir() if path.suffix != ".failed"] == []


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0 as it begins", b"GIF89a", b"BM"])
def test_an_upload_is_never_refused_because_its_picture_is_broken(site, data):
    told = site.upload(data=data, filename="a.jpg")

    assert "width" not in told
    assert "preview" not in told
    assert site.client.get(told["link"]).body == data
