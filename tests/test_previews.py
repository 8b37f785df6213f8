"""Previews: found, or made once, and gone with what they show."""

import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from uploadsvc import removal
from uploadsvc.addresses import AddressPreviews, preview_name
from uploadsvc.errors import (
    Missing,
    NoRoom,
    NotAllowed,
    SourceFailed,
    Unavailable,
    Undecodable,
)
from uploadsvc.failures import Failures
from uploadsvc.images import Recipe, Size, Variant, draw_preview
from uploadsvc.links import Links
from uploadsvc.places import Places
from uploadsvc.previews import Previews
from uploadsvc.sources import Sources
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.memory import MemoryStorage

PATH = "/uploadfile/wsgi/Storage"
HERE = "http://chat.example"
BOX = Variant(Size(64, 64))
REMOTE = "http://elsewhere.example/picture"


def picture(colour=(200, 30, 30), *, size=(200, 100), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def draw(path, variant):
    with path.open("rb") as file:
        return draw_preview(file, variant, Recipe(max_pixels=10**6))


class Web:
    """What is out there, and how often it was asked."""

    def __init__(self):
        self.asked = 0
        self.answers = lambda: picture()

    def fetch(self, address, into):
        self.asked += 1
        into.write(self.answers())


@pytest.fixture
def web():
    return Web()


@pytest.fixture(params=["local", "memory"])
def storage(request, tmp_path):
    (tmp_path / "Storage").mkdir()
    return LocalStorage(tmp_path / "Storage") if request.param == "local" else MemoryStorage()


@pytest.fixture
def clock():
    return [datetime.now(UTC).timestamp()]


@pytest.fixture
def make(storage, web, tmp_path, clock):
    (tmp_path / "Previews").mkdir()

    def make(*, check_room=lambda incoming: None, **parts):
        folder = tmp_path / "Previews"
        failures = Failures(folder, now=lambda: clock[0])
        sources = Sources(folder, fetch=web.fetch, check_room=check_room, failures=failures)
        options = {"draw": draw, "keep": timedelta(days=1), "patience": 30}
        previews = Previews(
            folder, sources, failures=failures, check_room=check_room, **(options | parts)
        )
        links = Links(storage_path=PATH)
        return AddressPreviews(storage, links, previews, notes=folder)

    return make


@pytest.fixture
def previews(make):
    return make()


def shown(preview):
    with preview.file as file:
        return file.read()


def link(stored):
    return Links(storage_path=PATH).link(stored.key, requested=HERE)


def find(previews, address, variant=BOX):
    return previews.find(address, variant, requested=HERE)


def kept_in(folder):
    """The previews and failures that are kept, without the notes of what was made."""
    return [path for path in folder.iterdir() if path.suffix != ".made"]


def test_a_stored_picture_is_shown_without_asking_anybody(previews, storage, web):
    stored = storage.save("a.png", [picture()])
    preview = find(previews, link(stored))

    assert Image.open(io.BytesIO(shown(preview))).size == (64, 32)
    assert preview.media_type == "image/jpeg"
    assert web.asked == 0


def test_a_remote_picture_is_fetched_once_and_then_found(previews, web, tmp_path):
    first, second = find(previews, REMOTE), find(previews, REMOTE)

    assert shown(first) == shown(second)
    assert (first.tag, first.media_type) == (second.tag, second.media_type)
    assert web.asked == 1
    [kept] = kept_in(tmp_path / "Previews")
    assert kept.name == preview_name(REMOTE, BOX) + ".jpeg"


def test_transparency_makes_a_png(previews, web):
    file = io.BytesIO()
    Image.new("RGBA", (9, 9), (1, 2, 3, 4)).save(file, "PNG")
    web.answers = file.getvalue

    for _ in range(2):
        preview = find(previews, REMOTE)
        assert preview.media_type == "image/png"
        assert shown(preview).startswith(b"\x89PNG")


def test_sizes_and_addresses_have_previews_of_their_own(previews, web, tmp_path):
    for address, variant in ((REMOTE, BOX), (REMOTE, Variant(Size(64, 65))), (REMOTE + "2", BOX)):
        shown(find(previews, address, variant))

    assert web.asked == 3
    assert len(kept_in(tmp_path / "Previews")) == 3


def test_a_preview_of_a_stored_file_is_as_old_as_the_file(previews, storage, tmp_path):
    stored = storage.save("a.png", [picture()])
    preview = find(previews, link(stored))
    [kept] = kept_in(tmp_path / "Previews")

    assert kept.stat().st_mtime_ns == stored.stored_ns == preview.modified_ns
    assert preview.expires == stored.stored_at + timedelta(days=1)


def test_all_who_ask_at_once_get_the_one_that_is_made(previews, web):
    answers = []
    askers = [
        threading.Thread(target=lambda: answers.append(shown(find(previews, REMOTE))))
        for _ in range(16)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert len(set(answers)) == 1
    assert len(answers) == 16
    assert web.asked == 1


def test_a_failure_is_remembered_for_a_minute_for_every_size(previews, web, clock):
    def fails():
        raise SourceFailed("the source answered with an error")

    web.answers = fails
    for variant in (BOX, BOX, Variant(Size(10, 10))):
        with pytest.raises(SourceFailed, match="answered with an error"):
            find(previews, REMOTE, variant)
    assert web.asked == 1

    clock[0] += 61
    web.answers = picture
    shown(find(previews, REMOTE))
    assert web.asked == 2


def test_what_is_no_picture_is_remembered_too_for_every_size(previews, web):
    web.answers = lambda: b"no picture"
    for variant in (BOX, BOX, Variant(Size(10, 10))):
        with pytest.raises(Undecodable):
            find(previews, REMOTE, variant)

    assert web.asked == 1


@pytest.mark.parametrize("error", [Unavailable("busy"), NotAllowed("no")])
def test_what_is_our_own_fault_or_choice_is_not_remembered(previews, web, error):
    def fails():
        raise error

    web.answers = fails
    for _ in range(2):
        with pytest.raises(type(error)):
            find(previews, REMOTE)

    assert web.asked == 2


def test_a_failure_leaves_nothing_but_its_note(previews, web, tmp_path):
    web.answers = lambda: b"no picture"
    with pytest.raises(Undecodable):
        find(previews, REMOTE)

    assert [path.suffix for path in (tmp_path / "Previews").iterdir()] == [".failed"]


def test_below_the_floor_of_the_disk_previews_are_shown_and_not_kept(make, storage, tmp_path):
    def full(incoming):
        raise NoRoom("the disk is too full")

    previews = make(check_room=full)
    if isinstance(storage, LocalStorage):
        stored = storage.save("a.png", [picture()])
        assert shown(find(previews, link(stored))).startswith(b"\xff\xd8")
    with pytest.raises(NoRoom):
        find(previews, REMOTE)
    assert list((tmp_path / "Previews").iterdir()) == []


def test_one_more_than_may_wait_is_turned_away_at_once(make, web, storage):
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        go_on.wait(timeout=60)
        return picture()

    web.answers = slow
    previews = make(wait=Places(1, refusal="too many at the moment").one)
    first = threading.Thread(target=lambda: shown(find(previews, REMOTE)))
    first.start()
    begun.wait(timeout=60)
    try:
        with pytest.raises(Unavailable) as refused:
            find(previews, REMOTE + "2")
        assert refused.value.retry_after > 0
    finally:
        go_on.set()
        first.join()
    # What is there already is shown to any number.
    assert shown(find(previews, REMOTE))


def test_a_missing_file_of_ours_is_missing_even_if_its_preview_is_still_there(previews, storage):
    stored = storage.save("a.png", [picture()])
    shown(find(previews, link(stored)))
    storage.delete(stored.key)

    with pytest.raises(Missing):
        find(previews, link(stored))


def test_removal_takes_the_file_and_all_its_previews_and_no_others(
    previews, storage, web, tmp_path
):
    stored = storage.save("a.png", [picture()])
    shown(find(previews, REMOTE))
    for side in (10, 20, 30):
        shown(find(previews, link(stored), Variant(Size(side, side))))
    gone = removal.remove(storage, stored.key, previews=tmp_path / "Previews")

    assert gone[0] == f"{stored.key.folder}/a.png"
    assert len(gone) == 4
    assert list(storage) == []
    assert [path.stem for path in kept_in(tmp_path / "Previews")] == [preview_name(REMOTE, BOX)]


def test_a_file_removed_while_its_preview_is_made_leaves_no_preview(make, storage, tmp_path):
    stored = storage.save("a.png", [picture()])

    def slow_draw(path, variant):
        drawn = draw(path, variant)
        removal.remove(storage, stored.key, previews=tmp_path / "Previews")
        return drawn

    with pytest.raises(Missing):
        find(make(draw=slow_draw), link(stored))
    assert list((tmp_path / "Previews").iterdir()) == []


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_a_preview_that_cannot_be_kept_is_shown_all_the_same(make, tmp_path, storage):
    stored = storage.save("a.png", [picture()])

    def draw_and_lose_the_folder(path, variant):
        drawn = draw(path, variant)
        (tmp_path / "Previews").rename(tmp_path / "elsewhere")
        return drawn

    preview = find(make(draw=draw_and_lose_the_folder), link(stored))

    assert Image.open(io.BytesIO(shown(preview))).size == (64, 32)
