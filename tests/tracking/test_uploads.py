"""Watched uploads: how far each is, told to whoever shares the folder, while it runs."""

import json
import multiprocessing
import os
import signal

import pytest

from uploadsvc.errors import BadInput, Conflict, NoRoom
from uploadsvc.storage.local import LocalStorage
from uploadsvc.tracking import TrackedUploads
from uploadsvc.tracking.attempt import Incoming
from waiting import eventually

UNSEEN = {
    "identifier": "id",
    "filename": None,
    "content-type": None,
    "size": None,
    "received": 0,
    "state": "starting",
}
ABOUT = UNSEEN | {"filename": "photo.jpg", "content-type": "image/jpeg", "size": 1000}


def test_an_upload_that_nobody_has_seen_is_starting(uploads):
    assert uploads.access_upload_bucket("id") is None
    assert uploads.upload("id").get_status() == UNSEEN
    assert not uploads.upload("id").is_complete()
    assert uploads.upload("id").get_filename() is None


def test_everybody_who_shares_the_folder_sees_it_grow(uploads, take, tmp_path):
    seen = []

    def chunks():
        other = TrackedUploads(tmp_path)
        for chunk in (b"x" * 400, b"y" * 300, b""):
            yield chunk
            upload = other.access_upload_bucket("id")
            seen.append(upload.get_status())
            assert (upload.is_complete(), upload.get_filename()) == (False, None)

    take(uploads, "id", chunks())

    assert seen == [
        ABOUT | {"received": received, "state": "uploading"} for received in (500, 800, 800)
    ]


def test_a_finished_upload_says_so_and_gives_its_file(uploads, take, tmp_path):
    upload = take(uploads, "id", [b"one ", b"two"])

    assert upload.get_status() == ABOUT | {"received": 1000, "state": "done"}
    assert upload.is_complete()
    with open(upload.get_filename(), "rb") as file:  # noqa: PTH123
        assert file.read() == b"one two"
    assert os.path.dirname(upload.get_filename()) == str(tmp_path)  # noqa: PTH120
    assert json.loads(json.dumps(upload.get_status())) == upload.get_status()


def test_an_upload_in_chunks_has_no_size_and_tells_what_came(uploads, take):
    sizes = []

    def chunks():
        yield b"x" * 5000
        status = uploads.upload("id").get_status()
        sizes.append((status["size"], status["received"]))

    upload = take(uploads, "id", chunks(), size=None)

    assert sizes == [(None, 5100)]
    assert (upload.get_status()["size"], upload.get_status()["received"]) == (None, 1000)


def test_no_more_is_told_than_the_request_has(uploads, take):
    told = []

    def chunks():
        yield b"x" * 2000
        told.append(uploads.upload("id").get_status()["received"])

    take(uploads, "id", chunks())

    assert told == [1000]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (BadInput("the form is malformed"), "the form is malformed"),
        (OSError("/secret/path"), "something went wrong here"),
        (KeyboardInterrupt(), "something went wrong here"),
    ],
)
def test_an_upload_that_breaks_is_an_error_and_nothing_is_kept(
    uploads, take, files, error, sentence
):
    def chunks():
        yield b"x" * 200
        raise error

    with pytest.raises(type(error)):
        take(uploads, "id", chunks())
    status = uploads.upload("id").get_status()

    assert status == ABOUT | {"received": 300, "state": "error", "error": sentence}
    assert uploads.upload("id").get_filename() is None
    assert [name[64:] for name in files()] == [".json"]


def test_one_that_is_refused_before_its_file_came_is_an_error_too(uploads, take, files):
    take(uploads, "id", [b"the one before"])
    with pytest.raises(BadInput), uploads.attempt("id", size=7):
        raise BadInput("no")

    assert uploads.upload("id").get_status() == UNSEEN | {
        "size": 7,
        "state": "error",
        "error": "no",
    }
    assert [name[64:] for name in files()] == [".json"]


def test_no_room_is_asked_for_before_anything_is_kept(tmp_path, take, files):
    asked = []

    def check(incoming):
        asked.append(incoming)
        raise NoRoom("no room")

    uploads = TrackedUploads(tmp_path, check_room=check)
    with pytest.raises(NoRoom):
        take(uploads, "id", [b"x"], incoming=Incoming("a", "", before=0, expected=77))

    assert asked == [77]
    assert uploads.upload("id").get_status()["error"] == "no room"
    assert [name[64:] for name in files()] == [".json"]


def test_room_is_asked_for_again_and_again_while_a_large_file_comes(tmp_path, take):
    asked = []
    uploads = TrackedUploads(tmp_path, check_room=asked.append)
    take(uploads, "id", [b"x" * 1_000_000] * 40, size=None)

    assert asked == [0, 0, 0]


def test_the_second_upload_of_an_identifier_replaces_the_first(uploads, take, files):
    take(uploads, "id", [b"first"])
    upload = take(uploads, "id", [b"second"])

    with open(upload.get_filename(), "rb") as file:  # noqa: PTH123
        assert file.read() == b"second"
    assert len(files()) == 2


@pytest.mark.parametrize("more", [b"more of it", None], ids=["goes on", "is at its end"])
def test_the_first_one_that_still_runs_ends_and_harms_nothing(uploads, take, files, more):
    def first():
        yield b"first"
        take(uploads, "id", [b"second"])
        if more:
            yield more

    with pytest.raises(Conflict):
        take(uploads, "id", first())
    upload = uploads.access_upload_bucket("id")

    assert upload.is_complete()
    with open(upload.get_filename(), "rb") as file:  # noqa: PTH123
        assert file.read() == b"second"
    assert len(files()) == 2


def test_a_replaced_one_that_breaks_does_not_mark_the_second_as_broken(uploads, take, files):
    def first():
        yield b"first"
        take(uploads, "id", [b"second"])
        raise BadInput("broken")

    with pytest.raises(BadInput):
        take(uploads, "id", first())

    assert uploads.upload("id").get_status()["state"] == "done"
    assert len(files()) == 2


def test_a_cleared_upload_is_gone_and_clearing_it_again_is_no_error(uploads, take, files):
    take(uploads, "other", [b"stays"])
    take(uploads, "id", [b"goes"]).clear_upload()
    uploads.clear_upload_bucket("id")

    assert uploads.access_upload_bucket("id") is None
    assert uploads.access_upload_bucket("other").is_complete()
    assert len(files()) == 2


def test_an_upload_that_is_cleared_while_it_runs_ends_and_leaves_nothing(uploads, take, files):
    def chunks():
        yield b"some"
        uploads.clear_upload_bucket("id")
        yield b"more"

    with pytest.raises(Conflict):
        take(uploads, "id", chunks())

    assert uploads.upload("id").get_status() == UNSEEN
    assert files() == []


def test_an_identifier_that_does_not_verify_has_no_upload_and_clears_none(tmp_path, take, files):
    take(TrackedUploads(tmp_path), "id", [b"data"])
    signed = TrackedUploads(tmp_path, keys=["Yq4tV6wZ1rN8mXc2bK5jHg7fDs3aPo9i"])
    signed.clear_upload_bucket("id")

    assert signed.access_upload_bucket("id") is None
    assert signed.access_upload_bucket("../etc") is None
    assert len(files()) == 2
    assert signed.verify_identifier(signed.create_identifier())


def test_files_are_named_by_no_identifier_and_readable_by_others(uploads, take, files, tmp_path):
    take(uploads, "an-identifier:of-mine", [b"data"])

    assert not [name for name in files() if "identifier" in name or ":" in name]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}


def test_what_a_loss_of_power_tore_counts_as_not_there(uploads, take, tmp_path):
    take(uploads, "id", [b"data"])
    [record] = tmp_path.glob("*.json")
    for torn in (b"", b"\0" * 100, b"{}", b'{"identifier": "id"', b"[]"):
        record.write_bytes(torn)

        assert uploads.upload("id").get_status() == UNSEEN
    take(uploads, "id", [b"again"])

    assert uploads.upload("id").is_complete()


def upload_for_ever(root, begun):
    def chunks():
        yield b"x" * 200
        begun.set()
        while True:
            signal.pause()

    with TrackedUploads(root).attempt("id", size=1000) as attempt:
        attempt.take(Incoming("a.bin", "", before=0, expected=0), chunks(), received=lambda: 0)


def test_a_writer_that_was_killed_makes_an_error_of_its_upload(uploads, tmp_path):
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=upload_for_ever, args=(tmp_path, begun))
    process.start()
    assert begun.wait(60)
    alive = uploads.upload("id").get_status()
    process.kill()
    process.join(60)
    dead = uploads.upload("id").get_status()

    assert (alive["state"], alive["received"]) == ("uploading", 200)
    assert (dead["state"], dead["received"]) == ("error", 200)
    assert dead["error"] == "the upload was interrupted"
    assert eventually(lambda: not process.is_alive())


def upload_again_and_again(root, count):
    uploads = TrackedUploads(root)
    for _ in range(count):
        with uploads.attempt("id", size=None) as attempt:
            incoming = Incoming("a.bin", "", before=0, expected=0)
            attempt.take(incoming, [b"x"], received=lambda: 1)
    for _ in range(count):
        uploads.clear_upload_bucket("id")
        with uploads.attempt("id", size=None) as attempt:
            attempt.take(incoming, [b"x"], received=lambda: 1)


def test_no_upload_that_goes_well_is_ever_told_to_be_broken(uploads, tmp_path, many):
    """However it begins, ends, is replaced or cleared between two looks of whoever asks."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=upload_again_and_again, args=(tmp_path, many(300, 3_000)))
    process.start()
    states = []
    while process.is_alive():
        states.append(uploads.upload("id").get_status()["state"])
    process.join(60)

    assert process.exitcode == 0
    assert set(states) <= {"starting", "uploading", "done"}
    assert {"uploading", "done"} <= set(states)


# Where finished uploads become stored files


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "stored").mkdir()
    return LocalStorage(tmp_path / "stored")


@pytest.fixture
def stored_uploads(tmp_path, storage):
    (tmp_path / "progress").mkdir()
    return TrackedUploads(tmp_path / "progress", path_of=storage.path, remove=storage.delete)


@pytest.fixture
def store(storage):
    return lambda path: storage.save("photo.jpg", [path.read_bytes()]).key


def test_an_upload_becomes_a_stored_file_and_its_own_data_goes(
    stored_uploads, storage, store, take, tmp_path
):
    upload = take(stored_uploads, "id", [b"pixels"], store=store)

    [stored] = storage
    assert upload.get_filename() == str(storage.path(stored.key))
    assert upload.get_status()["state"] == "done"
    assert [path.suffix for path in (tmp_path / "progress").iterdir()] == [".json"]


def test_clearing_it_removes_the_stored_file(stored_uploads, storage, store, take, tmp_path):
    take(stored_uploads, "id", [b"pixels"], store=store).clear_upload()

    assert list(storage) == []
    assert list((tmp_path / "progress").iterdir()) == []


def test_a_stored_file_stays_when_another_upload_takes_the_identifier(
    stored_uploads, storage, store, take
):
    """Its link was handed out."""
    take(stored_uploads, "id", [b"first"], store=store)
    take(stored_uploads, "id", [b"second"], store=store)

    assert len(list(storage)) == 2


def test_what_the_storage_refuses_is_an_error_and_nothing_is_kept(stored_uploads, take, tmp_path):
    def refuse(path):
        raise NoRoom("no more files can be kept")

    with pytest.raises(NoRoom):
        take(stored_uploads, "id", [b"x"], store=refuse)

    assert stored_uploads.upload("id").get_status()["error"] == "no more files can be kept"
    assert [path.suffix for path in (tmp_path / "progress").iterdir()] == [".json"]


def test_nothing_is_stored_of_an_upload_that_was_replaced(stored_uploads, storage, store, take):
    def first():
        yield b"first"
        take(stored_uploads, "id", [b"second"], store=store)

    with pytest.raises(Conflict):
        take(stored_uploads, "id", first(), store=store)

    [stored] = storage
    assert storage.path(stored.key).read_bytes() == b"second"


def test_a_stored_file_is_taken_back_when_the_record_of_it_cannot_be_written(
    stored_uploads, storage, store, take, tmp_path
):
    def store_and_break(path):
        key = store(path)
        # A folder in the place of the record: nothing can be renamed over it.
        [record] = (tmp_path / "progress").glob("*.json")
        record.unlink()
        record.mkdir()
        return key

    with pytest.raises(Exception, match="the disk refused this"):
        take(stored_uploads, "id", [b"x"], store=store_and_break)

    assert list(storage) == []
