"""What is old on disk: which names are looked at, how often, how deep, and what goes."""

import os
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from aging import DAY, NOW, age, preview, stored
from uploadsvc.storage.age import Age
from uploadsvc.storage.expiry import Expired, FromFuture, Stuck, expire_files, expire_folders

OLD = 9 * DAY
AT_NOW = {"now": int(NOW.timestamp()) * 10**9, "keep": 86400 * 10**9}


def expire(data, **options):
    names = os.listdir(data.storage)
    return list(expire_folders(data.storage, names, Age(**AT_NOW), remove=True, **options))


def test_what_is_found_is_told_in_the_order_of_its_names(data):
    for folder in ("CCCCCCCC", "AAAAAAAA", "BBBBBBBB"):
        stored(data, OLD, folder=folder)
    for name in ("c.jpeg", "a.jpeg", "b.jpeg"):
        preview(data, OLD, name)
    previews = expire_files(
        data.previews, ["c.jpeg", "a.jpeg", "b.jpeg"], Age(**AT_NOW), remove=True
    )

    assert expire(data) == [Expired(f"{each * 8}", 7) for each in "ABC"]
    assert list(previews) == [Expired(f"{each}.jpeg", 7) for each in "abc"]


def test_only_the_names_that_are_given_are_looked_at(data):
    stored(data, OLD, folder="AAAAAAAA")
    other = stored(data, OLD, folder="BBBBBBBB")
    found = list(expire_folders(data.storage, ["AAAAAAAA"], Age(**AT_NOW), remove=True))

    assert found == [Expired("AAAAAAAA", 7)]
    assert other.exists()


def test_a_name_that_is_gone_since_it_was_listed_is_no_finding(data):
    names = ["AAAAAAAA", "a.jpeg"]

    assert list(expire_folders(data.storage, names, Age(**AT_NOW), remove=True)) == []
    assert list(expire_files(data.previews, names, Age(**AT_NOW), remove=True)) == []


def test_a_young_folder_in_an_old_one_keeps_it_and_is_not_looked_into(data):
    path = stored(data, OLD)
    inner = path.parent / "inner"
    inner.mkdir()
    age(inner, timedelta(0))
    (inner / "from-the-future").write_bytes(b"x")
    age(inner / "from-the-future", -OLD)
    age(inner, timedelta(0))
    age(path.parent, OLD)

    assert expire(data) == []
    assert path.exists()


def test_a_young_file_deep_in_an_old_folder_keeps_it_and_one_from_the_future_is_named(data):
    path = stored(data, OLD)
    inner = path.parent / "inner"
    inner.mkdir()
    (inner / "later.txt").write_bytes(b"x")
    age(inner / "later.txt", -OLD)
    age(inner, OLD)
    age(path.parent, OLD)

    assert expire(data) == [FromFuture("AAAAAAAA/inner/later.txt")]
    assert path.exists()


@pytest.mark.parametrize(("deep", "goes"), [(50, True), (51, False)])
def test_a_tower_of_fifty_folders_goes_and_one_of_one_more_is_named(data, deep, goes):
    tower = data.storage / "AAAAAAAA"
    top = tower.joinpath(*["d"] * deep)
    top.mkdir(parents=True)
    (top / "a.txt").write_bytes(b"deep")
    age(top / "a.txt", OLD)
    for path in [top, *top.parents]:
        if path.is_relative_to(tower):
            age(path, OLD)
    [found] = expire(data)

    assert isinstance(found, Expired if goes else Stuck)
    assert (top / "a.txt").exists() is not goes


@dataclass(frozen=True)
class MountedMeanwhile(Age):
    """The age by which a cleaner goes, and a folder that is mounted on right after a look."""

    place: Path

    def is_old(self, modified):
        if not self.place.is_mount():
            subprocess.run(["mount", "-t", "tmpfs", "none", self.place], check=True)
            (self.place / "file").write_bytes(b"x")
            age(self.place / "file", OLD)
            age(self.place, OLD)
        return super().is_old(modified)


def test_what_is_mounted_since_the_folder_was_looked_at_is_left_alone(data):
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    folder = stored(data, OLD).parent
    meanwhile = MountedMeanwhile(**AT_NOW, place=folder)
    try:
        found = list(expire_folders(data.storage, [folder.name], meanwhile, remove=True))

        assert folder.is_mount()
        assert found == []
        assert (folder / "file").exists()
    finally:
        subprocess.run(["umount", folder], check=True)
