"""A preview that was found is read again only while all of it is as it was."""

from datetime import timedelta

import pytest

from uploadsvc.addresses import AddressPreviews
from uploadsvc.failures import Failures
from uploadsvc.images import Picture, Size, Variant
from uploadsvc.links import Links
from uploadsvc.previews import Previews
from uploadsvc.sources import Sources
from uploadsvc.storage.local import LocalStorage

PATH, HERE = "/uploadfile/wsgi/Storage", "http://here.example"
BOX = Variant(Size(8, 8))


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "Storage").mkdir()
    return LocalStorage(tmp_path / "Storage")


@pytest.fixture
def stored(storage):
    return storage.save("a.png", [b"an original"])


@pytest.fixture
def previews(storage, tmp_path):
    folder = tmp_path / "Previews"
    folder.mkdir()
    failures = Failures(folder)
    sources = Sources(
        folder,
        fetch=lambda address, into: into.write(b"an original"),
        check_room=lambda incoming: None,
        failures=failures,
    )
    previews = Previews(
        folder,
        sources,
        draw=lambda path, variant: Picture(b"a preview", "image/png", 8, 8, full=(8, 8)),
        failures=failures,
        keep=timedelta(days=1),
        patience=30,
    )
    return AddressPreviews(storage, Links(storage_path=PATH), previews, notes=folder)


@pytest.fixture
def found(previews, stored):
    """The preview of the stored file, found where it is kept."""
    link = Links(storage_path=PATH).link(stored.key, requested=HERE)
    for _ in range(2):
        preview = previews.find(link, BOX, requested=HERE)
        preview.file.close()
    return preview


def test_its_bytes_are_those_of_the_file(previews, found):
    assert previews.read_again(found) == b"a preview"


def test_that_of_a_remote_picture_too(previews):
    for _ in range(2):
        preview = previews.find("http://elsewhere.example/a.png", BOX, requested=HERE)
        preview.file.close()

    assert previews.read_again(preview) == b"a preview"


def test_not_without_its_original(previews, found, storage, stored):
    storage.delete(stored.key)

    assert previews.read_again(found) is None


def test_not_when_it_is_gone(previews, found):
    found.path.unlink()

    assert previews.read_again(found) is None


def test_not_when_another_one_lies_there(previews, found):
    found.path.write_bytes(b"something")

    assert previews.read_again(found) is None


def test_not_when_it_was_never_kept(previews, stored):
    link = Links(storage_path=PATH).link(stored.key, requested=HERE)
    just_made = previews.find(link, BOX, requested=HERE)
    just_made.file.close()

    assert previews.read_again(just_made) is None
