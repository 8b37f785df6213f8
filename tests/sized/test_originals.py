"""Originals: the same bytes once, under an ID of their own; nothing that is no picture."""

import base64
import hashlib
import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from sized_pictures import jpeg
from uploadsvc.errors import BadInput, Conflict, Missing, NoRoom, Undecodable
from uploadsvc.sized import Told
from uploadsvc.sized.ids import is_id
from uploadsvc.storage.leftovers import left_over
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.memory import MemoryStorage


@pytest.fixture
def originals(images):
    return images.originals


def save(originals, data, **told):
    image, _ = originals.save([data], lambda: Told(**told))
    return image


def entries(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_id_is_base32_of_sha1_and_01(originals, photo):
    image = save(originals, photo)

    assert image == base64.b32encode(hashlib.sha1(photo).digest()).decode() + "01"
    assert is_id(image)
    assert len(image) == 34


@pytest.mark.parametrize("storage", [None, MemoryStorage])
def test_what_was_saved_is_given_back_with_what_is_known_of_it(make, photo, storage):
    originals = make(storage=storage and storage()).originals
    at = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    image = save(originals, photo, title="A boat", type="photo", file_name="boat.jpg", at=at)
    record, stored, file = originals.open(image)

    with file:
        assert file.read() == photo
    assert stored.size == record.size == len(photo)
    assert record.sha256 == hashlib.sha256(photo).hexdigest()
    assert (record.width, record.height) == (640, 480)
    assert (record.media_type, record.animated) == ("image/jpeg", False)
    assert (record.titles, record.types, record.file_name) == (("A boat",), ("photo",), "boat.jpg")
    assert record.created == record.changed == at


def test_bytes_that_come_in_pieces_have_the_id_of_the_whole(originals, photo):
    whole = save(originals, photo)
    pieces = [photo[at : at + 7] for at in range(0, len(photo), 7)]

    assert originals.save(pieces, Told)[0] == whole


def test_the_same_bytes_are_kept_once_and_add_what_is_told(originals, photo, data):
    first = save(originals, photo, title="one", references=("a", "b"), type="x")
    second = save(originals, photo, title="two", references=("b", "c"), type="x")
    record = originals.record(first)

    assert first == second
    assert list(originals) == [first]
    assert record.titles == ("one", "two")
    assert record.references == ("a", "b", "c")
    assert record.types == ("x",)
    assert entries(data.originals) == [first, f"{first}/original", f"{first}/record.json"]


def test_a_title_that_is_told_again_becomes_the_newest(originals, photo):
    for title in ("one", "two", "one"):
        image = save(originals, photo, title=title)

    assert originals.record(image).titles == ("two", "one")
    assert originals.record(image).title == "one"


def test_what_is_nothing_new_changes_nothing(originals, photo, data):
    image = save(originals, photo, title="one", file_name="a.jpeg")
    before = (data.originals / image / "record.json").stat().st_mtime_ns
    save(originals, photo, title="one", file_name="b.jpeg")

    assert (data.originals / image / "record.json").stat().st_mtime_ns == before


def test_lists_that_strangers_add_to_do_not_grow_for_ever(originals, photo):
    image = save(originals, photo, references=tuple(f"r{number}" for number in range(1001)))
    record = originals.update(image, Told(references=("last",)))

    assert len(record.references) == 1000
    assert record.references[0] == "r2"
    assert record.references[-1] == "last"


def test_a_text_is_one_line_and_not_longer_than_5000_characters(originals, photo):
    image = save(originals, photo, title=" A\nboat\x00\t\u2028at\udcffsea ")

    assert originals.record(image).title == "A boat at?sea"
    assert originals.update(image, Told(title="x" * 5000))
    with pytest.raises(BadInput):
        Told(title="x" * 5001)


def breaks_off():
    yield b"\xff\xd8\xff"
    raise ConnectionError


@pytest.mark.parametrize(
    ("chunks", "error"),
    [([b"no picture"], Undecodable), ([], Undecodable), (breaks_off(), ConnectionError)],
)
def test_nothing_is_kept_of_what_is_no_picture_or_breaks_off(originals, data, chunks, error):
    with pytest.raises(error):
        originals.save(chunks, Told)

    assert entries(data.originals) == []
    assert list(originals) == []


def test_nothing_is_kept_where_what_is_told_is_wrong(originals, data, photo):
    with pytest.raises(BadInput):
        originals.save([photo], lambda: Told(title="x" * 5001))

    assert entries(data.originals) == []


def test_nothing_is_kept_where_there_is_no_room(make, data, photo):
    class Full:
        def check(self, incoming):
            pass

        def count(self, change):
            if change > 0:
                raise NoRoom("full")

    with pytest.raises(NoRoom):
        save(make(storage=LocalStorage(data.originals, room=Full())).originals, photo)

    assert entries(data.originals) == []


def test_other_bytes_under_the_same_id_are_a_conflict(originals, photo, data):
    """Two files with one SHA-1 are not at hand: that the SHA-256 differs is what they show."""
    image = save(originals, photo, title="true")
    path = data.originals / image / "record.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"sha256": "0" * 64}))

    with pytest.raises(Conflict) as refused:
        save(originals, photo, title="forged")
    assert refused.value.code == "other-bytes"
    assert originals.record(image).titles == ("true",)


class TestAfterAKill:
    def test_an_original_without_a_record_is_not_there_until_it_is_saved_again(
        self, originals, photo, data
    ):
        image = save(originals, photo, title="lost")
        (data.originals / image / "record.json").unlink()

        for ask in (originals.record, originals.find, originals.open, originals.source):
            with pytest.raises(Missing):
                ask(image)
        assert save(originals, photo, title="new") == image
        assert originals.record(image).titles == ("new",)

    def test_one_that_is_no_picture_goes_when_it_is_sent_again(self, originals, data):
        image = base64.b32encode(hashlib.sha1(b"none").digest()).decode() + "01"
        (data.originals / image).mkdir()
        (data.originals / image / "original").write_bytes(b"none")
        with pytest.raises(Undecodable):
            save(originals, b"none")

        assert entries(data.originals) == []

    def test_one_with_other_bytes_is_a_conflict_too(self, originals, photo, data):
        image = save(originals, photo)
        (data.originals / image / "record.json").unlink()
        (data.originals / image / "original").write_bytes(b"forged")

        with pytest.raises(Conflict):
            save(originals, photo)

    def test_a_record_without_an_original_is_in_nobodys_way(self, originals, photo, data):
        image = save(originals, photo, title="old")
        (data.originals / image / "original").unlink()
        (data.originals / image / "made").write_text("1 1 1 1 1 vga/x.jpeg\n")

        with pytest.raises(Missing):
            originals.find(image)
        assert save(originals, photo, title="new") == image
        assert originals.record(image).titles == ("new",)

    def test_a_record_that_cannot_be_read_is_written_anew(self, originals, photo, data):
        image = save(originals, photo, title="old")
        path = data.originals / image / "record.json"
        for broken in ("", "{", "[]", '{"sha256": 1}'):
            path.write_text(broken)
            with pytest.raises(Missing):
                originals.record(image)
            save(originals, photo, title="new")

            assert originals.record(image).titles == ("new",)

    def test_a_record_may_know_more_than_this_version(self, originals, photo, data):
        image = save(originals, photo, title="one")
        path = data.originals / image / "record.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"palette": ["navy"]}))

        assert originals.record(image).title == "one"

    @pytest.mark.parametrize("phase", ["chunks", "probe"])
    def test_nothing_of_it_is_shown_and_the_next_upload_is_whole(
        self, originals, photo, data, phase
    ):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(data.originals), phase], input=photo
        )
        list(left_over(data.originals, remove=True))
        shown = list(data.originals.glob("*/record.json"))
        image = save(originals, photo, title="new")

        assert killed.returncode == -signal.SIGKILL
        assert shown == []
        assert originals.record(image).titles == ("new",)
        assert entries(data.originals) == [image, f"{image}/original", f"{image}/record.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from uploadsvc.errors import Missing
from uploadsvc.sized import Told, Records
from uploadsvc.sized.originals import Originals
from uploadsvc.storage.local import LocalStorage
root, phase = Path(sys.argv[1]), sys.argv[2]
photo = sys.stdin.buffer.read()

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def chunks():
    yield photo
    if phase == "chunks":
        die()

Originals(LocalStorage(root), Records(root), probe=die, opened=die).save(chunks(), Told)
"""


def test_threads_that_save_the_same_at_once_keep_it_once(originals, photo, data):
    titles = [f"title {number}" for number in range(8)]
    threads = [
        threading.Thread(target=save, args=(originals, photo), kwargs={"title": title})
        for title in titles
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [image] = originals

    assert sorted(originals.record(image).titles) == titles
    assert entries(data.originals) == [image, f"{image}/original", f"{image}/record.json"]


SAVING = """
import contextlib, sys
from pathlib import Path
from uploadsvc.images import Facts
from uploadsvc.sized import Told, Records
from uploadsvc.sized.originals import Originals
from uploadsvc.storage.local import LocalStorage
root, photo = Path(sys.argv[1]), sys.stdin.buffer.read()
originals = Originals(
    LocalStorage(root),
    Records(root),
    probe=lambda path: Facts("image/jpeg", 640, 480),
    opened=lambda source: contextlib.nullcontext(root),
)
for number in range(20):
    print(originals.save([photo], lambda: Told(title=f"{sys.argv[2]} {number}"))[0])
"""


def test_processes_that_save_the_same_at_once_keep_it_once(originals, photo, data):
    saving = [
        subprocess.Popen(
            [sys.executable, "-c", SAVING, str(data.originals), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("one", "two")
    ]
    for process in saving:
        process.stdin.write(photo)
        process.stdin.close()
    told = {line for process in saving for line in process.stdout.read().split()}
    for process in saving:
        process.stdout.close()
        assert process.wait() == 0
    [image] = originals

    assert told == {image.encode()}
    assert len(originals.record(image).titles) == 40
    assert entries(data.originals) == [image, f"{image}/original", f"{image}/record.json"]


@pytest.mark.parametrize(
    "image",
    ["", ".", "..", "../Storage", "A" * 34, "a" * 32 + "01", "A" * 32 + "0", "A" * 32 + "01\n",
     "../" + "A" * 32 + "01", "A" * 32 + "０１", "A" * 32 + "01/.."],
)  # fmt: skip
def test_what_can_be_no_id_leads_to_nothing(originals, image):
    for ask in (originals.record, originals.find, originals.open, originals.source):
        with pytest.raises(Missing):
            ask(image)
    with pytest.raises(Missing):
        originals.update(image, Told(title="x"))
    with pytest.raises(Missing):
        originals.delete(image, forget=lambda source: None)


def test_an_id_of_another_cluster_is_as_good(originals, photo, data):
    image = save(originals, photo)
    (data.originals / image).rename(data.originals / f"{image[:32]}02")

    assert originals.record(f"{image[:32]}02").size == len(photo)


def test_deleting_leaves_nothing_and_is_missing_the_second_time(originals, photo, data):
    image, other = save(originals, photo), save(originals, jpeg(8, 8))
    originals.delete(image, forget=lambda source: None)

    assert list(originals) == [other]
    assert entries(data.originals) == [other, f"{other}/original", f"{other}/record.json"]
    with pytest.raises(Missing):
        originals.delete(image, forget=lambda source: None)


@pytest.mark.parametrize("left", ["original", "record.json"])
def test_deleting_completes_what_a_kill_has_left(originals, photo, data, left):
    image = save(originals, photo)
    for name in {"original", "record.json"} - {left}:
        (data.originals / image / name).unlink()
    forgotten = []
    originals.delete(image, forget=lambda source: forgotten.append(source.address))

    assert forgotten == [f"original:{image}"]
    assert entries(data.originals) == []
