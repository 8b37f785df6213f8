"""The upload middleware where finished uploads become stored files, as in the service."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from clients import file_form, form, part
from uploadsvc import uploads
from uploadsvc.errors import NoRoom
from uploadsvc.links import Links
from uploadsvc.storage.local import LocalStorage
from uploadsvc.tracking import TrackedUploads
from uploadsvc.web.answers import Answers
from watching import Watched

JSON = {"Accept": "text/html, application/json;q=0.5"}
KEEP = timedelta(days=1)


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "stored").mkdir()
    return LocalStorage(tmp_path / "stored")


@pytest.fixture
def watched(tmp_path, storage):
    folder = tmp_path / "progress"
    folder.mkdir()

    def store(file, name, life):
        return uploads.adopt(storage, name, file, keep=KEEP, life=life)

    return Watched(
        folder,
        uploads=TrackedUploads(folder, path_of=storage.path, remove=storage.delete),
        store=store,
        respond=Answers(Links(storage_path="/stored")).respond,
    )


def test_a_finished_upload_is_a_stored_file_and_nothing_else(watched, storage):
    watched.post(b"pixels")

    [stored] = storage
    assert (stored.key.name, stored.size) == ("photo.jpg", 6)
    upload = watched.inner.environ["uploadsvc.upload"]
    assert upload.get_filename() == str(storage.path(stored.key))
    assert Path(upload.get_filename()).read_bytes() == b"pixels"
    assert watched.kept() == 0
    assert watched.status()["state"] == "done"


def test_its_bytes_are_not_copied(watched, storage):
    inodes = []

    def noting(file, name, life):
        inodes.append(file.stat().st_ino)
        return uploads.adopt(storage, name, file, keep=KEEP)

    other = Watched(watched.root, uploads=watched.uploads, store=noting)
    other.post(b"pixels")

    [stored] = storage
    assert storage.path(stored.key).stat().st_ino == inodes[0]


def test_a_client_that_names_json_gets_the_answer_of_the_service(watched, storage):
    answer = watched.post(b"pixels", status=201, headers=JSON)

    [stored] = storage
    assert answer.json["link"] == f"http://localhost/stored/{stored.key.folder}/photo.jpg"
    assert answer.json["sha256"] == hashlib.sha256(b"pixels").hexdigest()
    assert answer.json["size"] == 6
    assert answer.headers["Location"] == answer.json["link"]
    assert watched.inner.environ is None
    assert watched.status()["state"] == "done"


def test_clearing_it_removes_the_stored_file(watched, storage):
    watched.post()
    watched.client.get("/upload?clear&X-Progress-ID=id")

    assert list(storage) == []
    assert list(watched.root.iterdir()) == []


@pytest.mark.parametrize("where", ["before", "after", "query", "header"])
def test_a_shorter_life_may_be_asked_for(watched, storage, where):
    file, field = part("file", b"x", filename="a.txt"), part("expires", "3600")
    content = {"before": form(field, file), "after": form(file, field)}.get(where, form(file))
    watched.post(
        content,
        query="&expires=3600" if where == "query" else "",
        headers={"Expires": "3600"} if where == "header" else {},
    )
    watched.post(form(file), id="other")

    young, old = sorted((stored.stored_ns for stored in storage), reverse=True)
    assert timedelta(hours=22.9) < timedelta(microseconds=(young - old) / 1000)
    assert timedelta(hours=23.1) > timedelta(microseconds=(young - old) / 1000)


@pytest.mark.parametrize("query", ["", "&expires=2h"])
def test_a_life_that_is_none_is_refused_and_nothing_is_kept(watched, storage, query):
    wrong = part("expires", "yesterday")
    file = part("file", b"x", filename="a.txt")
    answer = watched.post(form(file) if query else form(file, wrong), query=query, status=400)

    assert "expires" in answer.text
    assert list(storage) == []
    assert watched.kept() == 0
    assert watched.status()["error"] == answer.text.strip()


def test_what_the_storage_refuses_the_client_is_told(watched, storage):
    def refuse(file, name, life):
        raise NoRoom("no more files can be kept at the moment")

    other = Watched(watched.root, uploads=watched.uploads, store=refuse)
    answer = other.post(status=507)

    assert answer.headers["Retry-After"]
    assert (other.status()["state"], other.kept()) == ("error", 0)


def test_a_form_that_turns_out_to_be_wrong_after_its_file_stores_nothing(watched, storage):
    kind, body = file_form(b"pixels")
    watched.post((kind, body[:-4]), status=400)

    assert list(storage) == []
    assert watched.kept() == 0
