"""The application for a dedicated upload server: a page of one line, read by a script."""

import html
import json
import re

import pytest

from clients import form, part
from uploadsvc.web.uploaded import uploaded
from watching import Watched

PAGE = r'<html><body data-upload-identifier="([^"<>]*)" data-upload-info="([^"<>]*)"></body></html>'


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path / "uploads", app=uploaded())


def test_an_upload_is_told_in_two_attributes(watched):
    answer = watched.post(b"pixels")
    identifier, info = re.fullmatch(PAGE, answer.text).groups()

    assert identifier == "id"
    assert json.loads(html.unescape(info)) == watched.status()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_the_client_sent_ends_no_attribute(watched):
    hostile = part("f", b"x", filename="<script>&'x.txt", media_type="text/\"><script>&'")
    answer = watched.post(form(hostile))
    info = json.loads(html.unescape(re.fullmatch(PAGE, answer.text)[2]))

    assert info["filename"] == "<script>&'x.txt"
    assert info["content-type"] == "text/\"><script>&'"


@pytest.mark.parametrize("target", ["/", "/upload", "/upload?X-Progress-ID=id"])
def test_there_is_nothing_when_nothing_was_uploaded(watched, target):
    assert watched.client.get(target, status=404).text == "nothing was uploaded\n"
