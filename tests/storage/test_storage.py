"""The storage protocol: one contract, all implementations."""

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from uploadsvc.errors import Conflict, Gone, Missing
from uploadsvc.storage import Adopts, CannotAdopt, HasPaths, Key
from uploadsvc.storage.leftovers import left_over
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.memory import MemoryStorage
from uploadsvc.storage.names import BadName
from uploadsvc.storage.partials import StorageFailed

BACKENDS = {
    "memory": lambda folder, **options: MemoryStorage(**options),
    "local": lambda folder, **options: LocalStorage(folder, **options),
}


@pytest.fixture(params=BACKENDS)
def make(request, tmp_path):
    return lambda **options: BACKENDS[request.param](tmp_path, **options)


@pytest.fixture
def storage(make):
    return make()


def breaks_off():
    yield b"some bytes"
    raise ConnectionError


def read(storage, key):
    _, file = storage.open(key)
    with file:
        return file.read()


def test_gives_back_what_was_saved(storage):
    stored = storage.save("a.txt", [b"one ", b"two"])

    assert read(storage, stored.key) == b"one two"
    assert stored.size == 7
    assert stored.key.name == "a.txt"


def test_finds_what_was_saved_as_it_was_described(storage):
    stored = storage.save("a.txt", [b"x"])

    assert storage.find(stored.key) == stored
    assert list(storage) == [stored]


def test_keeps_an_empty_file(storage):
    stored = storage.save("a.txt", [])

    assert read(storage, stored.key) == b""


def test_keeps_nothing_of_an_upload_that_breaks_off(storage):
    with pytest.raises(ConnectionError):
        storage.save("a.txt", breaks_off())

    assert list(storage) == []


def test_gives_files_of_one_name_different_folders(storage):
    keys = {storage.save("a.txt", [b"x"]).key.folder for _ in range(20)}

    assert len(keys) == 20


def test_never_puts_two_uploads_into_one_folder(make):
    names = iter(["AAAAAAAA", "AAAAAAAA", "BBBBBBBB"])
    storage = make(new_folder=lambda: next(names))
    first = storage.save("a.txt", [b"first"])
    second = storage.save("a.txt", [b"second"])

    assert [first.key.folder, second.key.folder] == ["AAAAAAAA", "BBBBBBBB"]
    assert read(storage, first.key) == b"first"


def test_puts_a_file_into_the_folder_that_is_named_when_all_of_it_has_come(storage):
    seen = []

    def chunks():
        yield b"one "
        yield b"two"
        seen.append("whole")

    def folder():
        seen.append("named")
        return "NAMED"

    stored = storage.save("a.txt", chunks(), folder=folder)

    assert seen == ["whole", "named"]
    assert stored.key == Key("NAMED", "a.txt")
    assert read(storage, stored.key) == b"one two"


def test_keeps_nothing_where_the_named_folder_is_taken(storage):
    first = storage.save("a.txt", [b"first"], folder=lambda: "NAMED")
    with pytest.raises(Conflict):
        storage.save("b.txt", [b"second"], folder=lambda: "NAMED")

    assert list(storage) == [first]
    assert read(storage, first.key) == b"first"


def test_keeps_nothing_where_the_folder_cannot_be_named(storage):
    def nameless():
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.save("a.txt", [b"x"], folder=nameless)
    for name in ("../x", "", ".hidden", "a/b"):
        with pytest.raises(BadName):
            storage.save("a.txt", [b"x"], folder=lambda name=name: name)

    assert list(storage) == []


def test_says_when_a_file_is_missing(storage):
    with pytest.raises(Missing):
        storage.open(Key("AAAAAAAA", "a.txt"))
    with pytest.raises(Missing):
        storage.find(Key("AAAAAAAA", "a.txt"))


def test_deletes_for_good_and_does_not_mind_deleting_twice(storage):
    stored = storage.save("a.txt", [b"x"])
    storage.delete(stored.key)
    storage.delete(stored.key)

    assert list(storage) == []
    with pytest.raises(Missing):
        storage.find(stored.key)


HOUR_NS = 3600 * 10**9


def test_a_file_that_counts_older_is_short_lived(make):
    storage = make(keep=timedelta(hours=2))
    ordinary = storage.save("a.txt", [b"x"])
    shorter = storage.save("a.txt", [b"x"], aged_ns=lambda: HOUR_NS)

    assert not ordinary.is_short_lived
    assert shorter.is_short_lived
    assert abs(ordinary.stored_ns - shorter.stored_ns - HOUR_NS) < 60 * 10**9
    assert storage.find(shorter.key) == shorter
    assert read(storage, shorter.key) == b"x"


def test_a_short_lived_file_is_gone_when_its_life_is_over(make):
    storage = make(keep=timedelta(hours=1))
    over = storage.save("a.txt", [b"x"], aged_ns=lambda: HOUR_NS)
    for look in (storage.find, storage.open):
        with pytest.raises(Gone):
            look(over.key)
    storage.delete(over.key)

    assert list(storage) == []


def test_its_age_is_asked_for_when_all_has_come(storage):
    seen = []

    def chunks():
        yield b"x"
        seen.append("whole")

    storage.save("a.txt", chunks(), aged_ns=lambda: seen.append("aged") or 0)

    assert seen == ["whole", "aged"]


class TestLocal:
    @pytest.fixture
    def storage(self, tmp_path):
        return LocalStorage(tmp_path)

    def test_tells_the_path_of_each_file(self, storage, tmp_path):
        stored = storage.save("a.txt", [b"x"])

        assert isinstance(storage, HasPaths)
        assert storage.path(stored.key).read_bytes() == b"x"

    def test_gives_files_and_folders_the_modes_that_are_set(self, tmp_path):
        storage = LocalStorage(tmp_path, file_mode=0o640, dir_mode=0o750)
        path = storage.path(storage.save("a.txt", [b"x"]).key)

        assert path.stat().st_mode & 0o777 == 0o640
        assert path.parent.stat().st_mode & 0o777 == 0o750

    def test_shows_nothing_of_an_upload_until_it_is_whole(self, storage, tmp_path):
        seen = []

        def watched():
            yield b"half"
            seen.extend(storage)
            seen.extend(path.name for path in tmp_path.iterdir() if path.name[0] != ".")
            yield b"whole"

        storage.save("a.txt", watched())

        assert seen == []

    def test_leaves_nothing_on_disk_of_an_upload_that_breaks_off(self, storage, tmp_path):
        with pytest.raises(ConnectionError):
            storage.save("a.txt", breaks_off())

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["../x", "a/b", "..", ".", "", "a\0b", "x" * 256])
    def test_refuses_names_that_could_lead_elsewhere(self, storage, tmp_path, name):
        with pytest.raises(BadName):
            storage.save(name, [b"x"])

        assert list(tmp_path.iterdir()) == []

    def test_follows_no_link_in_place_of_a_file(self, storage, tmp_path):
        secret = tmp_path / "secret"
        secret.write_bytes(b"secret")
        (tmp_path / "AAAAAAAA").mkdir()
        (tmp_path / "AAAAAAAA" / "link").symlink_to(secret)
        (tmp_path / "BBBBBBBB").symlink_to(tmp_path / "AAAAAAAA")

        for key in (Key("AAAAAAAA", "link"), Key("BBBBBBBB", "link")):
            with pytest.raises(Missing):
                storage.open(key)

    def test_gives_no_folder_or_pipe_as_a_file(self, storage, tmp_path):
        (tmp_path / "AAAAAAAA" / "folder").mkdir(parents=True)
        os.mkfifo(tmp_path / "AAAAAAAA" / "pipe")

        for name in ("folder", "pipe"):
            with pytest.raises(Missing):
                storage.open(Key("AAAAAAAA", name))

    def test_reads_on_while_the_file_is_deleted(self, storage):
        stored = storage.save("a.txt", [b"still here"])
        _, file = storage.open(stored.key)
        storage.delete(stored.key)

        with file:
            assert file.read() == b"still here"

    def test_leaves_nothing_on_disk_where_the_named_folder_is_taken(self, storage, tmp_path):
        storage.save("a.txt", [b"first"], folder=lambda: "NAMED")
        with pytest.raises(Conflict):
            storage.save("a.txt", [b"second"], folder=lambda: "NAMED")

        assert [path.name for path in tmp_path.iterdir()] == ["NAMED"]

    def test_takes_over_a_named_folder_that_is_empty(self, storage, tmp_path):
        (tmp_path / "NAMED").mkdir()
        stored = storage.save("a.txt", [b"x"], folder=lambda: "NAMED")

        assert read(storage, stored.key) == b"x"

    def test_an_old_file_is_not_gone_unless_its_life_was_shorter(self, tmp_path):
        storage = LocalStorage(tmp_path, keep=timedelta(hours=1))
        stored = storage.save("a.txt", [b"x"])
        os.utime(storage.path(stored.key), (0, 0))

        assert storage.find(stored.key).size == 1

    def test_takes_over_a_file_without_copying_it(self, storage, tmp_path):
        file = tmp_path / "file"
        file.write_bytes(b"bytes")
        stored = storage.adopt(file, "a.txt")

        assert isinstance(storage, Adopts)
        assert read(storage, stored.key) == b"bytes"
        assert storage.path(stored.key).samefile(file)
        assert storage.path(stored.key).stat().st_mode & 0o777 == 0o644

    def test_what_it_takes_over_may_be_named_and_aged_as_what_it_saves(self, storage, tmp_path):
        file, other = tmp_path / "file", tmp_path / "other"
        file.write_bytes(b"bytes")
        other.write_bytes(b"other")
        stored = storage.adopt(file, "a.txt", folder="NAMED", aged_ns=HOUR_NS)
        with pytest.raises(Conflict):
            storage.adopt(other, "a.txt", folder="NAMED")
        with pytest.raises(BadName):
            storage.adopt(other, "../a.txt")

        assert stored.key == Key("NAMED", "a.txt")
        assert stored.is_short_lived
        assert list(storage) == [stored]
        assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []

    def test_a_file_of_another_file_system_is_not_taken_over(self, storage, tmp_path):
        file = Path("/dev/shm") / f"uploadsvc-test-{os.getpid()}"
        try:
            file.write_bytes(b"bytes")
            if file.stat().st_dev == tmp_path.stat().st_dev:
                pytest.skip("there is no other file system here")
            with pytest.raises(CannotAdopt):
                storage.adopt(file, "a.txt")
        finally:
            file.unlink(missing_ok=True)

        assert list(tmp_path.iterdir()) == []

    def test_no_link_is_taken_over(self, storage, tmp_path):
        (tmp_path / "secret").write_bytes(b"secret")
        (tmp_path / "link").symlink_to(tmp_path / "secret")
        with pytest.raises(StorageFailed):
            storage.adopt(tmp_path / "link", "a.txt")

        assert list(storage) == []

    def test_loses_no_upload_to_a_sweeper_that_never_rests(self, storage, tmp_path, many):
        count = many(300, 10_000)
        done = threading.Event()

        def sweep():
            while not done.is_set():
                list(left_over(tmp_path, remove=True))

        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        try:
            keys = [storage.save("a.txt", [b"x"]).key for _ in range(count)]
        finally:
            done.set()
            sweeper.join()

        assert len(list(storage)) == count
        assert all(read(storage, key) == b"x" for key in keys)
