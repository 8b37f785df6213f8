"""A disk that is full, out of inodes, or read-only."""

import os
import subprocess
import time

import pytest

from clients import fetch, upload
from servers import running_service

pytestmark = pytest.mark.live


def tree(data):
    return sorted(path.relative_to(data) for path in data.rglob("*") if ".partial" in path.name)


def test_a_full_disk_is_507_and_leaves_nothing_and_goes_on_when_there_is_room(
    small_disk, fill, tmp_path, picture
):
    with (
        small_disk("size=8m") as data,
        running_service(tmp_path, disk_floor=0, decoders=1) as service,
    ):
        shown = upload(service.url, picture, filename="a.png").json["link"]
        refused = upload(service.url, b"x" * 9_000_000)

        assert refused.status == 507
        assert refused.json["code"] == "no-room"
        assert tree(data) == []
        assert len(list(service.storage.iterdir())) == 1

        # Filled to the last byte, previews are still made, only not kept.
        fill(data / "filler")
        assert fetch(f"{service.url}/getpreview?addr={shown}").status == 200
        assert list(service.previews.iterdir()) == []

        (data / "filler").unlink()
        assert upload(service.url, b"x" * 1_000_000).status == 201


def test_a_disk_without_inodes_is_507_too(small_disk, tmp_path):
    with (
        small_disk("size=8m,nr_inodes=24") as data,
        running_service(tmp_path, disk_floor=0) as service,
    ):
        statuses = [upload(service.url, b"x").status for _ in range(20)]
        kept = list(service.storage.iterdir())

        assert statuses == [201] * len(kept) + [507] * (20 - len(kept))
        assert 0 < len(kept) < 20
        assert tree(data) == []


def test_a_disk_that_became_read_only_is_an_error_and_not_a_lie(small_disk, tmp_path):
    with (
        small_disk("size=8m", at="data/Storage") as data,
        running_service(tmp_path, disk_floor=0) as service,
    ):
        kept = upload(service.url, b"kept").json["link"]
        subprocess.run(["mount", "-o", "remount,ro", data], check=True)
        refused = upload(service.url, b"x")
        readable = fetch(kept)
        subprocess.run(["mount", "-o", "remount,rw", data], check=True)

        assert refused.status == 500
        assert refused.json["detail"] == "the disk refused this"
        assert readable.body == b"kept"
        assert upload(service.url, b"x").status == 201


def test_the_floor_of_the_disk_is_kept_free(small_disk, tmp_path):
    with (
        small_disk("size=8m"),
        running_service(tmp_path, disk_floor="4MB") as service,
    ):
        assert upload(service.url, b"x" * 3_000_000).status == 201
        assert upload(service.url, b"x" * 3_000_000).status == 507
        assert len(list(service.storage.iterdir())) == 1


def test_a_disk_that_others_filled_is_still_cleaned(small_disk, fill, tmp_path):
    with (
        small_disk("size=8m") as data,
        running_service(tmp_path, disk_floor=0) as service,
    ):
        upload(service.url, b"x" * 3_000_000)
        service.command("clean")
        [folder] = service.storage.iterdir()
        past = time.time() - 3 * 86_400
        for path in (*folder.iterdir(), folder):
            os.utime(path, (past, past))
        fill(data / "filler")
        cleaned = service.command("clean")

        assert (cleaned.returncode, cleaned.stderr) == (0, "")
        assert list(service.storage.iterdir()) == []
        assert upload(service.url, b"x" * 2_000_000).status == 201
