"""What the cleaner finds among watched uploads: what is old, and what nobody writes."""

from datetime import timedelta

import pytest

from aging import DAY, NOW, age
from uploadsvc.storage.age import Age
from uploadsvc.storage.expiry import Expired, FromFuture, Stuck
from uploadsvc.storage.leftovers import LeftOver
from uploadsvc.storage.locks import exclusive
from uploadsvc.tracking import expire

AGE = Age(now=int(NOW.timestamp()) * 10**9, keep=int(DAY.total_seconds()) * 10**9)
OLD, YOUNG = DAY + timedelta(minutes=1), DAY - timedelta(minutes=1)


@pytest.fixture
def swept(tmp_path):
    return lambda *, remove=True: list(expire(tmp_path, AGE, remove=remove))


def age_all(folder, how_old):
    for path in folder.iterdir():
        age(path, how_old)


def test_an_upload_is_kept_until_it_is_old(uploads, take, tmp_path, files, swept):
    take(uploads, "id", [b"data"])
    before = files()
    age_all(tmp_path, YOUNG)
    young = swept()
    age_all(tmp_path, OLD)
    record_size = sum(path.stat().st_size for path in tmp_path.glob("*.json"))
    dry, there = swept(remove=False), files()
    found = swept()

    assert young == []
    assert dry == found == [Expired(f"{before[0][:64]}.json", record_size + 4)]
    assert there == before
    assert files() == []


@pytest.mark.parametrize("young", ["*.json", "*-*"])
def test_one_whose_record_or_data_is_young_stays_whole(
    uploads, take, tmp_path, files, swept, young
):
    take(uploads, "id", [b"data"])
    age_all(tmp_path, OLD)
    for path in tmp_path.glob(young):
        age(path, YOUNG)

    assert swept() == []
    assert len(files()) == 2


def test_one_that_still_runs_stays_however_long_it_takes(uploads, take, tmp_path, swept):
    found = []

    def chunks():
        yield b"data"
        age_all(tmp_path, OLD)
        found.extend([*swept(remove=False), *swept()])

    take(uploads, "id", chunks())

    assert found == []
    assert uploads.access_upload_bucket("id").is_complete()


def test_one_that_begins_or_ends_at_this_moment_is_left_for_the_next_run(
    uploads, take, tmp_path, files, swept
):
    take(uploads, "id", [b"data"])
    age_all(tmp_path, OLD)
    digest = files()[0][:64]
    with exclusive(tmp_path, digest, patience=0):
        assert swept() == []
    assert len(files()) == 2
    assert len(swept()) == 1


def test_an_error_is_told_until_it_is_old(uploads, tmp_path, files, swept):
    with pytest.raises(ValueError, match="x"), uploads.attempt("id", size=1):
        raise ValueError("x")
    age_all(tmp_path, YOUNG)
    young = swept()
    age_all(tmp_path, OLD)

    assert young == []
    assert [type(each) for each in swept()] == [Expired]
    assert files() == []


def left_by_a_kill(uploads, tmp_path, take):
    """The files of an upload as a kill leaves them: the record says that it runs."""
    texts = []

    def chunks():
        yield b"some of it"
        texts.extend((path, path.read_bytes()) for path in tmp_path.iterdir())

    take(uploads, "id", chunks())
    uploads.clear_upload_bucket("id")
    for path, text in texts:
        path.write_bytes(text)


def test_data_of_a_killed_writer_goes_at_once_and_the_error_is_still_told(
    uploads, take, tmp_path, files, swept
):
    left_by_a_kill(uploads, tmp_path, take)
    [data, record] = files()
    age_all(tmp_path, YOUNG)
    dry, there = swept(remove=False), files()
    found = swept()

    assert dry == found == [LeftOver(data)]
    assert there == [data, record]
    assert files() == [record]
    assert uploads.upload("id").get_status()["state"] == "error"
    age_all(tmp_path, OLD)
    assert [type(each) for each in swept()] == [Expired]
    assert files() == []


def test_data_that_no_record_names_goes_at_once(uploads, take, tmp_path, files, swept):
    take(uploads, "id", [b"data"])
    whole = files()
    stray = tmp_path / f"{whole[0][:64]}-{'0' * 16}"
    alone = tmp_path / f"{'a' * 64}-{'0' * 16}"
    for path in (stray, alone):
        path.write_bytes(b"left")
    age_all(tmp_path, YOUNG)

    assert sorted(each.name for each in swept()) == sorted([stray.name, alone.name])
    assert files() == whole


def test_records_that_were_being_written_and_locks_go_too(tmp_path, files, swept):
    for name in (".partial-0000000000000000", ".partial-lock-abc"):
        (tmp_path / name).write_bytes(b"")

    assert {type(each) for each in swept()} == {LeftOver}
    assert files() == []


def test_what_is_not_ours_is_left_alone(tmp_path, files, swept):
    for name in ("photo.jpg", f"{'a' * 63}.json", f"{'a' * 64}-{'0' * 15}", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    age_all(tmp_path, OLD)

    assert swept() == []
    assert len(files()) == 4


def test_uploads_from_the_future_are_kept_and_named(uploads, take, tmp_path, files, swept):
    take(uploads, "id", [b"data"])
    age_all(tmp_path, -DAY)

    assert [type(each) for each in swept()] == [FromFuture]
    assert len(files()) == 2


def test_what_cannot_be_removed_is_named_and_the_others_go_on(
    uploads, take, tmp_path, files, swept
):
    stuck = tmp_path / f"{'0' * 64}.json"
    stuck.mkdir()
    (tmp_path / f"{'0' * 64}-{'0' * 16}").write_bytes(b"left")
    take(uploads, "id", [b"data"])
    age_all(tmp_path, OLD)
    found = swept()

    assert {type(each) for each in found} == {Stuck, Expired}
    assert files() == [f"{'0' * 64}-{'0' * 16}", stuck.name]


def test_a_link_leads_nowhere(uploads, take, tmp_path, swept):
    canary = tmp_path / "canary"
    canary.write_bytes(b"alive")
    (tmp_path / f"{'0' * 64}.json").symlink_to(canary)
    (tmp_path / f"{'0' * 64}-{'0' * 16}").symlink_to(canary)
    age_all(tmp_path, OLD)

    assert swept() == []
    assert canary.read_bytes() == b"alive"
