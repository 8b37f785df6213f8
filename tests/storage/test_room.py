"""Room: how much of the disk stays free, and how much may be kept in all."""

import pytest

from uploadsvc.errors import NoRoom
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.room import DiskRoom


@pytest.fixture
def limited(tmp_path):
    (tmp_path / "Storage").mkdir()

    def make(max_stored):
        room = DiskRoom(
            tmp_path / "Storage", floor=0, max_stored=max_stored, ledger=tmp_path / "stored-bytes"
        )
        return LocalStorage(tmp_path / "Storage", room=room), room

    return make


def test_files_up_to_the_limit_are_kept_and_one_byte_more_is_not(limited):
    storage, room = limited(10)
    storage.save("a", [b"x" * 10])

    with pytest.raises(NoRoom):
        storage.save("b", [b"x"])
    assert room.stored() == 10
    assert len(list(storage)) == 1


def test_what_is_deleted_makes_room_again(limited):
    storage, _ = limited(10)
    storage.delete(storage.save("a", [b"x" * 10]).key)
    storage.save("b", [b"x" * 10])

    assert [stored.key.name for stored in storage] == ["b"]


def test_a_file_that_is_announced_too_large_is_not_read(limited):
    storage, _ = limited(10)

    def never():
        yield pytest.fail("the upload was read")

    with pytest.raises(NoRoom):
        storage.save("a", never(), expected=11)


def test_what_a_broken_upload_took_is_given_back(limited):
    storage, room = limited(10)

    def breaks_off():
        yield b"x" * 10
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.save("a", breaks_off())
    assert room.stored() == 0


def test_a_recount_puts_a_wrong_sum_right(limited, tmp_path):
    storage, room = limited(10)
    (tmp_path / "stored-bytes").write_text("9")
    room.recount(0)
    storage.save("a", [b"x" * 10])

    assert room.stored() == 10


def test_an_upload_that_would_pass_the_floor_of_the_disk_is_refused(tmp_path):
    room = DiskRoom(tmp_path, floor=10**18)

    with pytest.raises(NoRoom):
        LocalStorage(tmp_path, room=room).save("a", [b"x"])
    assert list(tmp_path.iterdir()) == []


def test_a_floor_of_nothing_refuses_nothing(tmp_path):
    stored = LocalStorage(tmp_path, room=DiskRoom(tmp_path, floor=0)).save("a", [b"x"])

    assert stored.size == 1
