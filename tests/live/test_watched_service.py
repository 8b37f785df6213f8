"""Watched uploads in the whole service: they become stored files as all others do."""

import hashlib
import html
import json
import os
import re
import time

import pytest

from clients import fetch, file_form, form, part
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.live

JSON = {"Accept": "application/json"}


@pytest.fixture
def identifier():
    """An identifier that no other test has."""
    return os.urandom(16).hex()


def post(service, identifier, content, **headers):
    kind, body = content
    return fetch(
        f"{service.url}/upload?X-Progress-ID={identifier}",
        method="POST",
        data=body,
        headers={"Content-Type": kind} | headers,
    )


def status(service, identifier):
    return fetch(f"{service.url}/upload/status?X-Progress-ID={identifier}").json


def files(service, identifier):
    """The files that are kept of an upload besides the stored one."""
    digest = hashlib.sha256(identifier.encode()).hexdigest()
    return [path for path in (service.data_dir / "Progress").iterdir() if digest in path.name]


def test_a_page_gets_the_status_of_its_upload_and_the_file_is_stored(service, identifier):
    answer = post(service, identifier, file_form(b"pixels"))
    told = re.search(rb'data-upload-info="([^"]*)"', answer.body)[1].decode()
    [record] = files(service, identifier)

    assert answer.status == 200
    assert json.loads(html.unescape(told)) == status(service, identifier)
    assert status(service, identifier)["state"] == "done"
    assert record.suffix == ".json"


def test_a_client_that_names_json_gets_the_answer_that_all_uploads_get(
    service, identifier, picture
):
    answer = post(service, identifier, file_form(picture, filename="a.png"), **JSON)
    told = answer.json

    assert answer.status == 201
    assert fetch(told["link"]).body == picture
    assert told["sha256"] == hashlib.sha256(picture).hexdigest()
    assert (told["width"], told["height"], told["type"]) == (120, 80, "image/png")
    assert fetch(told["preview"]).status == 200


def test_clearing_removes_the_stored_file_and_its_previews(service, identifier, picture):
    told = post(service, identifier, file_form(picture, filename="a.png"), **JSON).json
    previews = set(service.previews.iterdir())
    fetch(f"{told['preview']}&x=50&y=50")
    made = set(service.previews.iterdir()) - previews
    cleared = fetch(f"{service.url}/upload?clear&X-Progress-ID={identifier}")

    assert made
    assert cleared.json == {"success": True}
    assert fetch(told["link"]).status == 404
    assert not made & set(service.previews.iterdir())
    assert files(service, identifier) == []
    assert status(service, identifier)["state"] == "starting"


def test_a_file_that_was_deleted_by_its_link_may_still_be_cleared(service, identifier):
    told = post(service, identifier, file_form(b"x"), **JSON).json
    deleted = fetch(told["delete"], method="DELETE")

    assert deleted.status in (200, 204)
    assert fetch(f"{service.url}/upload?clear&X-Progress-ID={identifier}").status == 200


def test_a_shorter_life_is_obeyed(service, identifier):
    content = form(part("f", b"x", filename="a.txt"), part("expires", "60"))
    told = post(service, identifier, content, **JSON).json

    assert "max-age=5" in fetch(told["link"]).headers["Cache-Control"]


def test_keys_make_the_service_refuse_what_they_did_not_sign(tmp_path, identifier):
    key = os.urandom(24).hex()
    with running_service(tmp_path, disk_floor=0, upload_keys=key) as service:
        answer = post(service, identifier, file_form(b"x"))

        assert answer.status == 400
        assert files(service, identifier) == []


def test_the_cleaner_takes_old_uploads_and_what_a_kill_left(tmp_path, identifier):
    with running_service(tmp_path, disk_floor=0) as service:
        post(service, identifier, file_form(b"x"))
        stray = service.data_dir / "Progress" / f"{'a' * 64}-{'0' * 16}"
        stray.write_bytes(b"left")
        first = service.command("clean")
        for path in (service.data_dir / "Progress").iterdir():
            os.utime(path, (time.time() - 3 * 86_400,) * 2)
        second = service.command("clean")

        assert (first.returncode, second.returncode) == (0, 0), (first.stderr, second.stderr)
        assert stray.name in first.stdout
        assert not stray.exists()
        assert files(service, identifier) == []


def test_what_is_too_large_is_refused_and_told_to_the_page(tmp_path, identifier):
    with running_service(tmp_path, disk_floor=0, max_upload=1000) as service:
        fits = post(service, identifier, file_form(b"x" * 1000))
        answer = post(service, identifier, file_form(b"x" * 1001))

        assert (fits.status, answer.status) == (200, 413)
        assert status(service, identifier)["state"] == "error"
        assert eventually(lambda: len(files(service, identifier)) == 1)
