"""GET /getpreview: a picture that fits, or a true status and one sentence."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image
from webtest import TestApp

from uploadsvc.errors import (
    BadInput,
    Missing,
    NotAllowed,
    SourceFailed,
    SourceTooSlow,
    TooLarge,
    Unavailable,
    Undecodable,
)
from uploadsvc.images import Size, Variant
from uploadsvc.previews import Preview
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.getpreview import getpreview

ADDRESS = "http://elsewhere.example/a.png"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Shown:
    """A stand-in that remembers what it was asked, or fails as told."""

    def __init__(self):
        self.asked = []
        self.error = None

    def find(self, address, variant, *, requested):
        size = variant.size
        self.asked.append((address, variant, requested))
        if self.error:
            raise self.error
        file = io.BytesIO()
        Image.new("RGB", (size.width, size.height)).save(file, "JPEG")
        length = file.tell()
        file.seek(0)
        modified_ns = int(NOW.timestamp() * 1e9)
        return Preview(file, "image/jpeg", length, modified_ns, "tag", NOW + timedelta(days=1))

    def read_again(self, preview):
        return None


@pytest.fixture
def previews():
    return Shown()


@pytest.fixture
def client(previews):
    endpoint = getpreview(previews, max_side=2048, loop_header="Uploadsvc-Fetch", now=lambda: NOW)
    return TestApp(answer_errors(endpoint))


def ask(client, status=200, headers=None, **query):
    return client.get("/", {"addr": ADDRESS} | query, headers=headers, status=status)


def test_the_box_is_128_by_128_unless_asked_otherwise(client, previews):
    ask(client)
    ask(client, x="200", y="100")

    assert previews.asked == [
        (ADDRESS, Variant(Size(128, 128)), "http://localhost"),
        (ADDRESS, Variant(Size(200, 100)), "http://localhost"),
    ]


def test_the_answer_may_be_kept_as_long_as_the_file_lives(client):
    answer = ask(client)

    assert answer.headers["Cache-Control"] == "private, max-age=86400"
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Robots-Tag"] == "noindex"


def test_what_the_client_has_is_not_sent_again(client):
    first = ask(client)
    ask(client, status=304, headers={"If-None-Match": first.headers["ETag"]})
    ask(client, status=304, headers={"If-Modified-Since": first.headers["Last-Modified"]})


def test_a_range_is_given_or_refused_without_the_clients_words(client):
    length = int(ask(client).headers["Content-Length"])
    part = ask(client, status=206, headers={"Range": "bytes=0-3"})
    refused = ask(client, status=416, headers={"Range": "bytes=999999-"})

    assert part.headers["Content-Range"] == f"bytes 0-3/{length}"
    assert refused.headers["Content-Range"] == f"bytes */{length}"
    assert refused.headers["Cache-Control"] == "no-store"
    assert "999999-" not in refused.text


def test_head_gives_the_headers_alone(client):
    answer = client.head("/?addr=" + ADDRESS)

    assert answer.body == b""
    assert int(answer.headers["Content-Length"]) > 100


SIZES = ["0", "-1", "2049", "1e3", "１００", "1_000", " 5 ", "+5", "5" * 5000, "01", "1.5", "x", ""]


@pytest.mark.parametrize("side", SIZES)
def test_a_side_that_is_none_is_refused(client, side):
    assert ask(client, x=side, status=400).text.count("\n") == 1
    ask(client, y=side, status=400)


def test_the_largest_side_is_welcome(client):
    ask(client, x="2048", y="1")


@pytest.mark.parametrize("query", ["", "addr=", "addr=a&addr=b", "addr=%ff", "addr=a&x=1&x=2"])
def test_without_one_address_there_is_no_preview(client, query):
    client.get(f"/?{query}", status=400)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInput("x"), 400),
        (NotAllowed("x"), 403),
        (Missing("x"), 404),
        (TooLarge("x"), 413),
        (Undecodable("x"), 422),
        (SourceFailed("x"), 502),
        (Unavailable("x"), 503),
        (SourceTooSlow("x"), 504),
    ],
)
def test_every_failure_has_its_status_and_one_sentence(client, previews, error, status):
    previews.error = error
    answer = ask(client, status=status)

    assert answer.text == "x\n"
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_what_nobody_foresaw_is_a_500_that_says_nothing(client, previews, caplog):
    previews.error = RuntimeError("the secret is 42")
    answer = ask(client, status=500)

    assert "42" not in answer.text
    assert "the secret is 42" in caplog.text


def test_a_preview_of_a_preview_is_refused(client, previews):
    ask(client, headers={"Uploadsvc-Fetch": "1"}, status=403)

    assert previews.asked == []


def test_it_is_not_posted_to(client):
    answer = client.post("/", {"addr": ADDRESS}, status=405)

    assert answer.headers["Allow"] == "GET, HEAD"
