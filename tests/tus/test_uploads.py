"""Unfinished uploads: what comes is kept, and becomes a stored file when it is whole."""

import base64
import hashlib
import os
import threading
from datetime import timedelta

import pytest

from unfinished import add, add_iterator, creation
from uploadsvc.errors import BadInput, BrokenOff, Gone, Missing, NoRoom, TooLarge
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.memory import MemoryStorage
from uploadsvc.storage.partials import StorageFailed
from uploadsvc.storage.room import DiskRoom
from uploadsvc.tus.asking import Asking
from uploadsvc.tus.checksum import Checksum, ChecksumMismatch
from uploadsvc.tus.holding import Locked
from uploadsvc.tus.incoming import take_bytes
from uploadsvc.tus.metadata import Metadata
from uploadsvc.tus.protocol import Append, Creation
from waiting import eventually


def offset(uploads, id):
    with uploads.held(id) as upload:
        return upload.upload.offset


def read(uploads, key):
    _, file = uploads._storing.storage.open(key)
    with file:
        return file.read()


def sha1(data):
    return Checksum("sha1", hashlib.sha1(data).digest())


def breaks_off(*pieces, error=BrokenOff):
    yield from pieces
    raise error("the body broke off")


def no_room():
    raise NoRoom("the disk is full")


def left(data):
    """The names of what lies beside the records."""
    return sorted(path.name for path in data.uploads.iterdir() if path.suffix != ".record")


def test_what_comes_in_pieces_becomes_one_stored_file(uploads, data):
    begun = uploads.create(creation())
    first = add(uploads, begun.id, b"hello ")
    last = add(uploads, begun.id, b"wor", b"ld")

    assert [begun.upload.offset, first.upload.offset, last.upload.offset] == [0, 6, 11]
    assert begun.key is first.key is None
    assert last.key.name == "a b.txt"
    assert read(uploads, last.key) == b"hello world"
    assert left(data) == []


def test_the_bytes_are_not_copied_when_the_file_is_stored(uploads, data):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello ")
    before = (data.uploads / f"{id}.bytes").stat().st_ino
    key = add(uploads, id, b"world").key

    assert (data.storage / key.folder / key.name).stat().st_ino == before


def test_a_storage_that_cannot_adopt_gets_a_copy(make, data):
    uploads = make(storage=MemoryStorage())
    id = uploads.create(creation()).id

    assert read(uploads, add(uploads, id, b"hello world").key) == b"hello world"
    assert left(data) == []


def test_another_process_goes_on_where_one_stopped(make):
    id = make().create(creation()).id
    add(make(), id, b"hello ")
    key = add(make(), id, b"world").key

    assert read(make(), key) == b"hello world"
    assert make().find(id).key == key


def test_a_lost_connection_keeps_what_arrived(uploads):
    id = uploads.create(creation()).id
    with pytest.raises(BrokenOff):
        add_iterator(uploads, id, breaks_off(b"hello"))

    assert offset(uploads, id) == 5
    assert read(uploads, add(uploads, id, b" world").key) == b"hello world"


def test_what_comes_slowly_is_counted_now_and_then(uploads, data):
    id = uploads.create(creation(3)).id
    times = iter(range(0, 1000, 15))
    counted = []

    def slowly():
        for piece in (b"a", b"b", b"c"):
            yield piece
            counted.append(uploads.find(id).upload.offset)

    with uploads.held(id) as upload:
        take_bytes(
            upload.held,
            upload.file,
            slowly(),
            Append(3, 3, None),
            check_room=lambda incoming: None,
            clock=lambda: next(times),
        )

    assert counted == [0, 0, 2]
    assert offset(uploads, id) == 3


def test_an_interrupted_process_keeps_what_arrived(uploads):
    id = uploads.create(creation()).id
    with pytest.raises(KeyboardInterrupt):
        add_iterator(uploads, id, breaks_off(b"hello", error=KeyboardInterrupt))

    assert offset(uploads, id) == 5


def test_a_wrong_checksum_keeps_nothing_of_its_piece(uploads):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello ")
    with pytest.raises(ChecksumMismatch):
        add(uploads, id, b"word ", checksum=sha1(b"world"))

    assert offset(uploads, id) == 6
    assert read(uploads, add(uploads, id, b"world", checksum=sha1(b"world")).key) == b"hello world"


def test_of_a_piece_with_a_checksum_that_breaks_off_nothing_is_kept(uploads):
    id = uploads.create(creation()).id
    with pytest.raises(BrokenOff):
        add_iterator(uploads, id, breaks_off(b"hello"), checksum=sha1(b"hello world"))

    assert offset(uploads, id) == 0


def test_more_than_the_length_keeps_nothing_of_its_piece(uploads):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello ")
    with pytest.raises(TooLarge):
        add(uploads, id, b"wor", b"lds")

    assert offset(uploads, id) == 6


def test_nothing_is_added_to_an_upload_that_is_whole(uploads):
    id = uploads.create(creation()).id
    key = add(uploads, id, b"hello world").key
    with pytest.raises(TooLarge):
        add(uploads, id, b"!")

    assert add(uploads, id).key == key
    assert read(uploads, key) == b"hello world"


def test_what_a_killed_process_wrote_and_never_counted_is_cut_off(uploads, data):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello ")
    with (data.uploads / f"{id}.bytes").open("ab") as file:
        file.write(b"never counted, and longer than all of it")

    assert offset(uploads, id) == 6
    assert read(uploads, add(uploads, id, b"world").key) == b"hello world"


@pytest.mark.parametrize("lost", ["a part of the bytes", "all of them", "the file itself"])
def test_no_more_is_counted_than_is_there(uploads, data, lost):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello ")
    file = data.uploads / f"{id}.bytes"
    if lost == "the file itself":
        file.unlink()
    else:
        os.truncate(file, 2 if lost == "a part of the bytes" else 0)
    left = 2 if lost == "a part of the bytes" else 0

    assert offset(uploads, id) == left
    assert read(uploads, add(uploads, id, b"hello world"[left:]).key) == b"hello world"


def test_of_an_upload_that_lost_bytes_when_it_was_whole_no_file_is_made(make, data):
    uploads = make()
    id = uploads.create(creation(5, is_partial=True)).id
    add(uploads, id, b"hello")
    os.truncate(data.uploads / f"{id}.bytes", 3)

    with pytest.raises(BadInput):
        uploads.create(creation(None, parts=(id,)))
    assert offset(uploads, id) == 3


@pytest.mark.parametrize("stop", ["before the file is shown", "after the file is shown"])
def test_a_kill_while_the_file_is_stored_is_mended_by_the_next_request(
    make, data, monkeypatch, stop
):
    class Killed(BaseException):
        pass

    def killed(*arguments, **options):
        raise Killed

    storage = LocalStorage(data.storage, keep=timedelta(days=1))
    uploads = make(storage=storage)
    id = uploads.create(creation()).id
    if stop.startswith("before"):
        storage.adopt = killed
    else:
        adopt = storage.adopt
        storage.adopt = lambda *arguments, **options: killed(adopt(*arguments, **options))
    with pytest.raises(Killed):
        add(uploads, id, b"hello world")

    standing = make().find(id)
    assert standing.key is None
    assert standing.upload.is_whole

    with make().held(id) as upload:
        key = upload.standing.key
    assert read(make(), key) == b"hello world"
    assert len(list(LocalStorage(data.storage))) == 1
    assert left(data) == []


def test_a_file_whose_time_is_over_is_not_stored_again_after_a_kill(make, data, clock):
    storage = LocalStorage(data.storage, keep=timedelta(minutes=10))
    uploads = make(storage=storage, keep=timedelta(minutes=10))
    id = uploads.create(creation()).id
    adopt = storage.adopt

    def killed_after(*arguments, **options):
        adopt(*arguments, **options)
        raise KeyboardInterrupt

    storage.adopt = killed_after
    with pytest.raises(KeyboardInterrupt):
        add(uploads, id, b"hello world")
    [stored] = storage
    storage.delete(stored.key)
    clock.later = timedelta(minutes=11)

    with pytest.raises(Gone), make(keep=timedelta(minutes=10)).held(id):
        pass
    assert list(storage) == []


def test_an_empty_file_is_stored_at_once(uploads):
    assert read(uploads, uploads.create(creation(0)).key) == b""


def test_a_length_that_is_said_later_ends_the_upload(uploads):
    id = uploads.create(creation(None)).id
    add(uploads, id, b"hello ")

    assert uploads.find(id).upload.length is None
    assert read(uploads, add(uploads, id, b"world", length=11).key) == b"hello world"


def test_a_length_that_is_already_there_ends_the_upload_without_a_byte(uploads):
    id = uploads.create(creation(None)).id
    add(uploads, id, b"hello")

    assert read(uploads, add(uploads, id, length=5).key) == b"hello"


def test_an_upload_that_comes_with_its_creation_is_stored_and_known(uploads, data):
    standing = uploads.create_whole(creation(), iter([b"hello ", b"world"]), hashed=True)

    assert read(uploads, standing.key) == b"hello world"
    assert standing.received.sha256 == hashlib.sha256(b"hello world").hexdigest()
    assert uploads.find(standing.id).key == standing.key
    assert left(data) == []


def test_of_an_upload_that_breaks_off_with_its_creation_nothing_is_kept(uploads, data):
    with pytest.raises(BrokenOff):
        uploads.create_whole(creation(), breaks_off(b"hello"), hashed=False)

    assert list(data.uploads.iterdir()) == []
    assert list(data.storage.iterdir()) == []


def test_the_sha256_is_computed_when_it_is_asked_for_and_kept(uploads, data):
    id = uploads.create(creation()).id
    key = add(uploads, id, b"hello world").key
    right = hashlib.sha256(b"hello world").hexdigest()

    assert uploads.received(id).sha256 == right
    (data.storage / key.folder / key.name).write_bytes(b"other bytes")
    assert uploads.received(id).sha256 == right


def test_nothing_is_known_of_a_file_that_is_not_finished(uploads):
    id = uploads.create(creation()).id

    with pytest.raises(Missing):
        uploads.received(id)


class TestConcatenation:
    def part(self, uploads, data, **more):
        id = uploads.create(creation(len(data), is_partial=True, **more)).id
        add(uploads, id, data)
        return id

    def test_parts_become_one_file_in_the_order_that_is_named(self, uploads):
        world, hello = self.part(uploads, b"world"), self.part(uploads, b"hello ")
        parts = (f"/files/{hello}", f"https://host/prefix/files/{world}?x")
        final = uploads.create(creation(None, parts=parts))

        assert read(uploads, final.key) == b"hello world"
        assert final.upload.length == final.upload.offset == 11
        assert uploads.find(final.id).upload.parts == parts

    def test_one_part_may_be_used_again(self, uploads):
        part, other = self.part(uploads, b"ab"), self.part(uploads, b"c")
        first = uploads.create(creation(None, parts=(part, other)))
        second = uploads.create(creation(None, parts=(other, part)))

        assert read(uploads, first.key) == b"abc"
        assert read(uploads, second.key) == b"cab"

    def test_each_part_is_named_once(self, uploads, data):
        part = self.part(uploads, b"ab")
        for again in (part, f"/files/{part}?x", f"http://host/{part}/"):
            with pytest.raises(BadInput):
                uploads.create(creation(None, parts=(f"/files/{part}", again)))

        assert list(data.storage.iterdir()) == []

    def test_of_a_part_that_is_removed_meanwhile_no_file_is_made(self, make, data):
        uploads = make()
        parts = [self.part(uploads, b"hello "), self.part(uploads, b"world")]

        def remove(incoming):
            for part in data.uploads.glob(f"{parts[1]}.*"):
                part.unlink()

        with pytest.raises(BadInput):
            make(check_room=remove).create(creation(None, parts=tuple(parts)))

        assert sorted(path.stem for path in data.uploads.iterdir()) == [parts[0]] * 2
        assert list(data.storage.iterdir()) == []

    def test_an_empty_part_adds_nothing(self, uploads):
        parts = (self.part(uploads, b""), self.part(uploads, b"x"))

        assert read(uploads, uploads.create(creation(None, parts=parts)).key) == b"x"

    def test_a_part_is_no_file_by_itself(self, uploads, data):
        id = self.part(uploads, b"hello")

        assert uploads.find(id).key is None
        assert list(data.storage.iterdir()) == []

    def test_what_is_no_whole_part_makes_no_file(self, uploads, data):
        whole = self.part(uploads, b"hello")
        unfinished = uploads.create(creation(5, is_partial=True)).id
        ordinary = uploads.create(creation(5)).id
        before = sorted(data.uploads.iterdir())
        for other in (unfinished, ordinary, "A" * 22, "../secret", ""):
            with pytest.raises(BadInput):
                uploads.create(creation(None, parts=(whole, other)))

        assert sorted(data.uploads.iterdir()) == before
        assert list(data.storage.iterdir()) == []

    def test_parts_that_are_too_much_together_make_no_file(self, make, data):
        uploads = make(max_size=9)
        parts = (self.part(uploads, b"hello"), self.part(uploads, b"world"))
        with pytest.raises(TooLarge):
            uploads.create(creation(None, parts=parts))

        assert list(data.storage.iterdir()) == []

    def test_where_the_system_cannot_share_blocks_they_are_copied(self, uploads, monkeypatch):
        def cannot(*arguments):
            raise OSError(95, "not supported")

        monkeypatch.setattr(os, "copy_file_range", cannot)
        large = os.urandom(3_000_000)
        parts = (self.part(uploads, large), self.part(uploads, b"end"))

        assert read(uploads, uploads.create(creation(None, parts=parts)).key) == large + b"end"


class TestTime:
    def test_an_unfinished_upload_is_gone_after_its_time(self, uploads, clock):
        id = uploads.create(creation()).id
        clock.later = timedelta(minutes=59)
        assert uploads.find(id).upload.offset == 0
        clock.later = timedelta(minutes=61)

        with pytest.raises(Gone):
            uploads.find(id)
        with pytest.raises(Gone):
            add(uploads, id, b"hello")

    def test_whatever_comes_gives_it_time_anew(self, uploads, data, clock):
        id = uploads.create(creation()).id
        record = data.uploads / f"{id}.record"
        old = record.stat().st_mtime_ns - 50 * 60 * 10**9
        os.utime(record, ns=(old, old))
        before = uploads.find(id).expires
        after = add(uploads, id, b"hello").expires

        assert after - before > timedelta(minutes=45)

    def test_a_finished_upload_lives_as_long_as_its_file(self, uploads, clock):
        id = uploads.create(creation()).id
        add(uploads, id, b"hello world")
        clock.later = timedelta(hours=23)

        assert uploads.find(id).expires - clock() <= timedelta(hours=1)

    def test_an_upload_whose_file_is_gone_is_gone_too(self, uploads):
        id = uploads.create(creation()).id
        key = add(uploads, id, b"hello world").key
        uploads._storing.storage.delete(key)

        with pytest.raises(Gone):
            uploads.find(id)

    def test_a_life_that_is_chosen_begins_when_the_file_is_whole(self, uploads, clock):
        id = uploads.create(creation(named={"expires": "600"})).id
        standing = add(uploads, id, b"hello world")

        left = standing.expires - clock()
        assert timedelta(seconds=590) < left <= timedelta(seconds=600)

    def test_a_time_that_was_chosen_and_is_over_leaves_the_file_a_moment(self, uploads, clock):
        soon = (clock() + timedelta(minutes=5)).isoformat()
        id = uploads.create(creation(named={"expires": soon})).id
        clock.later = timedelta(minutes=6)
        key = add(uploads, id, b"hello world").key
        [stored] = uploads._storing.storage

        assert stored.key == key
        assert stored.is_short_lived

    def test_a_life_that_is_none_is_refused_before_anything_comes(self, uploads, data):
        for expires in ("soon", "-5", "0", "2001-01-01T00:00:00Z"):
            with pytest.raises(BadInput):
                uploads.create(creation(named={"expires": expires}))
            with pytest.raises(BadInput):
                uploads.create_whole(
                    creation(named={"expires": expires}), iter([b"hello world"]), hashed=False
                )

        assert list(data.uploads.iterdir()) == []


class TestNames:
    @pytest.mark.parametrize(
        ("named", "stored"),
        [
            ({"filename": "../../etc/passwd.txt"}, "passwd.txt"),
            ({"filename": "a\nb.txt"}, "a_b.txt"),
            ({"filename": "", "name": "second.txt"}, "second.txt"),
            ({"filename": "", "filetype": "application/pdf"}, "file.pdf"),
            ({"filename": "", "filetype": "image/png"}, "file"),
            ({"filename": "", "filetype": "nonsense"}, "file"),
            ({"filename": "no dot"}, "no dot"),
        ],
    )
    def test_the_file_is_named_by_the_metadata(self, uploads, named, stored):
        id = uploads.create(creation(5, filename=named.pop("filename"), named=named)).id

        assert add(uploads, id, b"hello").key.name == stored

    def test_a_picture_without_an_extension_gets_one(self, uploads, picture):
        id = uploads.create(creation(len(picture), filename="photo")).id
        standing = add(uploads, id, picture[:5], picture[5:])

        assert standing.key.name == "photo.png"


@pytest.mark.parametrize("key", ["filename", "name", "filetype"])
def test_a_name_that_is_no_text_is_refused_before_anything_comes(uploads, data, key):
    odd = Metadata.parse(f"{key} {base64.b64encode(bytes([0xFF])).decode()}")
    for length in (0, 5):
        with pytest.raises(BadInput):
            uploads.create(Creation(length, odd))
    with pytest.raises(BadInput):
        uploads.create_whole(Creation(5, odd), iter([b"hello"]), hashed=False)

    assert list(data.uploads.iterdir()) == []


class TestRoom:
    def test_nothing_is_reserved_for_what_nobody_has_said_will_come(self, uploads, data):
        id = uploads.create(creation(50_000_000)).id
        with uploads.held(id) as upload:
            upload.append(iter([b"x"]), Append(50_000_000, 50_000_000, None))

        assert (data.uploads / f"{id}.bytes").stat().st_blocks * 512 < 1_000_000

    def test_what_was_reserved_and_not_used_goes_back(self, uploads, data):
        id = uploads.create(creation(50_000_000)).id
        allowed = Append(50_000_000, 50_000_000, None, incoming=50_000_000)
        with uploads.held(id) as upload, pytest.raises(BrokenOff):
            upload.append(breaks_off(b"x"), allowed)

        assert (data.uploads / f"{id}.bytes").stat().st_blocks * 512 < 1_000_000

    def test_what_cannot_be_stored_leaves_nothing_when_nobody_was_told_of_it(self, make, data):
        full = LocalStorage(data.storage, room=DiskRoom(data.storage, floor=2**62))
        uploads = make(storage=full, check_room=lambda incoming: None)
        for length, more in ((0, {}), (None, {"parts": (self.part(make()),)})):
            before = sorted(data.uploads.iterdir())
            full.adopt = lambda *arguments, **options: no_room()
            with pytest.raises(NoRoom):
                uploads.create(creation(length, **more))

            assert sorted(data.uploads.iterdir()) == before

    def part(self, uploads):
        id = uploads.create(creation(5, is_partial=True)).id
        add(uploads, id, b"hello")
        return id

    def test_an_upload_that_cannot_be_stored_for_want_of_room_can_be_removed(self, make, data):
        storage = LocalStorage(data.storage)
        storage.adopt = lambda *arguments, **options: no_room()
        uploads = make(storage=storage)
        id = uploads.create(creation(5)).id
        with pytest.raises(NoRoom):
            add(uploads, id, b"hello")
        with uploads.held(id, to_remove=True) as upload:
            upload.remove()

        assert list(data.uploads.iterdir()) == []

    def test_an_upload_without_a_length_needs_room_for_what_comes_and_not_for_the_most(self, make):
        def check(incoming):
            if incoming > 1000:
                no_room()

        uploads = make(check_room=check)
        id = uploads.create(creation(None)).id

        assert add(uploads, id, b"hello").upload.offset == 5

    def test_an_upload_that_cannot_fit_is_refused_before_it_begins(self, make, data):
        def full(incoming):
            if incoming > 10:
                raise NoRoom("the disk is full")

        with pytest.raises(NoRoom):
            make(check_room=full).create(creation(11))

        assert list(data.uploads.iterdir()) == []

    def test_when_room_is_gone_the_upload_waits_until_there_is_some(self, make):
        is_full = True

        def check(incoming):
            if is_full and 0 < incoming < 20_000_000:
                raise NoRoom("the disk is full")

        id = make().create(creation(40_000_000)).id
        pieces = [bytes(1_000_000)] * 40
        with pytest.raises(NoRoom):
            add(make(check_room=check), id, *pieces)
        kept = offset(make(), id)
        is_full = False
        add(make(check_room=check), id, *pieces[kept // 1_000_000 :])

        assert 0 < kept < 40_000_000
        assert make().find(id).key is not None


class TestLock:
    @pytest.fixture
    def holder(self, make):
        """Somebody who holds an upload until asked to let go; `holder(uploads)` starts it."""
        threads = []

        def start(uploads, *, obeys=True):
            id = make().create(creation()).id
            entered, asked, leave = threading.Event(), threading.Event(), threading.Event()

            def hold():
                with uploads.held(id, let_go=leave.set if obeys else asked.set) as upload:
                    entered.set()
                    leave.wait(20)
                    upload.append(iter([b"hello"]), Append(11, 11, None))

            thread = threading.Thread(target=hold)
            thread.start()
            threads.append((thread, leave))
            assert entered.wait(10)
            return id, asked

        yield start
        for thread, leave in threads:
            leave.set()
            thread.join()

    @pytest.mark.parametrize("elsewhere", [False, True], ids=["same process", "another process"])
    def test_the_holder_is_asked_to_let_go_and_keeps_what_it_has(self, make, holder, elsewhere):
        here = make(patience=20)
        id, _ = holder(here)
        newcomer = make(patience=20) if elsewhere else here

        assert offset(newcomer, id) == 5

    def test_when_the_holder_does_not_let_go_the_newcomer_is_refused(self, make, holder):
        here = make()
        id, asked = holder(here, obeys=False)
        with pytest.raises(Locked):
            offset(here, id)

        assert asked.is_set()

    def test_nobody_is_asked_by_a_look(self, make, holder):
        here = make()
        id, asked = holder(here, obeys=False)

        assert here.find(id).upload.offset == 0
        assert not asked.is_set()

    def test_what_was_asked_is_forgotten_when_it_is_given_up(self, make, holder, data):
        id, _ = holder(make(), obeys=False)
        with pytest.raises(Locked):
            offset(make(asking=Asking(data.state / "asked", every=100)), id)

        assert list((data.state / "asked").iterdir()) == []

    def test_nobody_is_told_to_let_go_of_what_he_has_let_go(self, tmp_path):
        asking = Asking(tmp_path / "asked", every=0.01)
        told = []
        with asking.heard("A", lambda: told.append("A")):
            pass
        asking.ask("A")
        with asking.heard("B", lambda: told.append("B")):
            Asking(tmp_path / "asked").ask("B")
            assert eventually(lambda: told)

        assert told == ["B"]


class TestRemoval:
    def test_an_upload_that_is_removed_is_not_there_any_more(self, uploads, data):
        id = uploads.create(creation()).id
        add(uploads, id, b"hello")
        with uploads.held(id) as upload:
            upload.remove()

        assert list(data.uploads.iterdir()) == []
        with pytest.raises(Missing):
            uploads.find(id)

    def test_a_finished_one_takes_its_file_along(self, make, data):
        taken = []
        uploads = make(remove=taken.append)
        id = uploads.create(creation()).id
        key = add(uploads, id, b"hello world").key
        with uploads.held(id) as upload:
            upload.remove()

        assert taken == [key]
        assert list(data.uploads.iterdir()) == []


@pytest.mark.parametrize("id", ["", "A" * 21, "A" * 23, "../" + "A" * 19, "A" * 21 + "/", "Ä" * 22])
def test_what_is_no_id_of_ours_is_not_looked_for(uploads, id):
    with pytest.raises(Missing):
        uploads.find(id)
    with pytest.raises(Missing), uploads.held(id):
        pass


def test_a_record_that_is_torn_is_no_upload(uploads, data):
    id = uploads.create(creation()).id
    for torn in (b"", b"{", b'{"offset":     1}', b"[]", b"\xff"):
        (data.uploads / f"{id}.record").write_bytes(torn)
        with pytest.raises(Missing):
            uploads.find(id)


def test_an_upload_that_comes_whole_and_cannot_be_recorded_is_not_kept(uploads, data, monkeypatch):
    def fails(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("uploadsvc.tus.uploads.write_record", fails)
    with pytest.raises(NoRoom):
        uploads.create_whole(creation(5), iter([b"hello"]), hashed=False)

    assert list(data.storage.iterdir()) == []


def test_an_upload_is_not_locked_by_a_look_that_failed(uploads, monkeypatch):
    id = uploads.create(creation()).id
    lstat = os.lstat

    def fails(path, *arguments, **options):
        if str(path).endswith(".record"):
            raise OSError(5, "Input/output error")
        return lstat(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", fails)
        with pytest.raises(StorageFailed):
            offset(uploads, id)

    assert offset(uploads, id) == 0


def test_bytes_that_cannot_be_synced_are_not_counted(uploads, monkeypatch):
    id = uploads.create(creation()).id
    add(uploads, id, b"hello ")

    def fails(fd):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(StorageFailed):
            add(uploads, id, b"wor")

    assert offset(uploads, id) == 6
    assert read(uploads, add(uploads, id, b"world").key) == b"hello world"
