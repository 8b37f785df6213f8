"""What `/getpreview` leaves for the same question, and what it counts as a download."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from webtest import TestApp

from uploadsvc import again
from uploadsvc.errors import Unavailable
from uploadsvc.previews import Preview
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.getpreview import getpreview

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SMALL, LARGE = b"\xff\xd8" + b"s" * 1000, b"\xff\xd8" + b"l" * 70_000


class Kept:
    """Previews that are there: one of these bytes."""

    def __init__(self, data):
        self.data = data

    def find(self, address, variant, *, requested):
        made = int(NOW.timestamp() * 1e9)
        expires = NOW + timedelta(days=1)
        file = io.BytesIO(self.data)
        return Preview(file, "image/jpeg", len(self.data), made, "tag", expires)

    def read_again(self, preview):
        return self.data


class Asked:
    """A client of the endpoint, its environ afterwards, and the places for downloads."""

    def __init__(self, data, *, free=1):
        self.kept = Kept(data)
        self.free = free
        self.left = 0
        self.environ = {}
        endpoint = getpreview(
            self.kept,
            max_side=2048,
            loop_header="Uploadsvc-Fetch",
            begin_sending=self._begin,
            now=lambda: NOW,
        )

        def noting(environ, start_response):
            self.environ = environ
            return endpoint(environ, start_response)

        self.client = TestApp(answer_errors(noting))

    def _begin(self):
        if not self.free:
            raise Unavailable("too many files are being sent at the moment")
        self.free -= 1
        return self._end

    def _end(self):
        self.left += 1

    def get(self, method="GET", status=200):
        return self.client.request("/?addr=http://e.example/a.png", method=method, status=status)


def test_a_small_preview_may_be_asked_for_again_and_the_answer_is_the_same():
    asked = Asked(SMALL)
    first = asked.get()
    answer = asked.environ[again.KEY]()

    assert (answer.body, dict(answer.headers)) == (SMALL, dict(first.headers))
    assert asked.free == 1, "it is no download"


def test_one_that_is_gone_is_not_answered_again():
    asked = Asked(SMALL)
    asked.get()
    asked.kept.data = None

    assert asked.environ[again.KEY]() is None


def test_a_large_preview_counts_as_a_download_until_it_was_sent():
    asked = Asked(LARGE)

    assert asked.get().body == LARGE
    assert (asked.free, asked.left) == (0, 1)
    assert again.KEY not in asked.environ


def test_without_a_place_a_large_preview_is_refused_and_a_small_one_is_not():
    assert Asked(LARGE, free=0).get(status=503).headers["Retry-After"]
    assert Asked(SMALL, free=0).get().body == SMALL


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_head_takes_no_place_and_leaves_nothing(data):
    asked = Asked(data, free=0)

    assert asked.get("HEAD").headers["Content-Length"] == str(len(data))
    assert again.KEY not in asked.environ
