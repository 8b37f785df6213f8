"""Resumable uploads on a disk that fills up, and what the kernel is asked for before "taken"."""

import os
import re

import pytest

from clients import fetch
from servers import running_service
from tus_by_hand import VERSION, create, go_on, offset, patch, patching, some_bytes
from waiting import eventually

pytestmark = pytest.mark.live

SYNC = re.compile(r"f(?:data)?sync\(\d+<[^>]*/Uploads/[^>]+\.(bytes|record)>\)\s+= 0")


def test_when_the_disk_is_full_the_upload_waits_and_goes_on(small_disk, fill, tmp_path):
    data = os.urandom(5_000_000)
    with (
        small_disk("size=8m") as folder,
        running_service(tmp_path, disk_floor=0, decoders=1) as service,
    ):
        upload = create(f"{service.url}/files/", len(data))
        assert patch(upload, data[:2_000_000], 0).status == 204
        fill(folder / "filler")
        refused = patch(upload, data[2_000_000:], 2_000_000)
        held = offset(upload)
        (folder / "filler").unlink()

        assert refused.status == 507
        assert refused.headers["Retry-After"]
        assert go_on(upload, data) == 0
        assert 2_000_000 <= held < len(data)
        assert fetch(upload).body == data


def test_an_upload_that_can_never_fit_is_507_at_once(small_disk, tmp_path):
    with (
        small_disk("size=8m"),
        running_service(tmp_path, disk_floor=0, decoders=1) as service,
    ):
        headers = VERSION | {"Upload-Length": "9000000"}
        refused = fetch(f"{service.url}/files/", method="POST", headers=headers)

        assert refused.status == 507
        assert list((service.data_dir / "Uploads").iterdir()) == []


def test_where_a_file_cannot_have_a_second_name_it_is_copied(small_disk, tmp_path):
    data = some_bytes("copied", 100_000, 200_000)
    with (
        small_disk("size=8m", at="data/Storage"),
        running_service(tmp_path, disk_floor=0, decoders=1) as service,
    ):
        upload = create(f"{service.url}/files/", len(data))
        go_on(upload, data)

        assert fetch(upload).body == data
        assert list((service.data_dir / "Uploads").glob("*.bytes")) == []


def test_another_process_asks_the_holder_to_let_go(tmp_path):
    data = some_bytes("held", 100_000, 200_000)
    with (
        running_service(tmp_path, disk_floor=0) as first,
        running_service(tmp_path, disk_floor=0) as second,
    ):
        upload = create(f"{first.url}/files/", len(data))
        elsewhere = upload.replace(first.url, second.url)
        with patching(upload, len(data)) as holder:
            holder.sendall(data[:10_000])
            bytes_there = tmp_path / "data" / "Uploads" / f"{upload.rpartition('/')[2]}.bytes"
            assert eventually(lambda: bytes_there.exists() and bytes_there.stat().st_size == 10_000)
            kept = offset(elsewhere)
            told = holder.recv(1 << 16)

        assert kept == 10_000
        assert told.startswith(b"HTTP/1.1 409 ")
        assert go_on(elsewhere, data) == 0
        assert fetch(upload).body == data


def test_nothing_is_called_taken_before_it_is_on_disk(traced, many, figure):
    rounds = many(5, 50)
    data = some_bytes("order", 300_000, 400_000)

    def work(service):
        for _ in range(rounds):
            upload = create(f"{service.url}/files/", len(data))
            assert patch(upload, data[:200_000], 0).status == 204
            assert patch(upload, data[200_000:], 200_000).status == 204

    calls = traced(work)
    answers = [n for n, line in enumerate(calls.lines) if re.search(r'"HTTP/1\.1 20[14] ', line)]
    begun, half, whole = (
        [span(calls, answers, n) for n in range(k, len(answers), 3)] for k in (0, 1, 2)
    )
    in_order = [
        sum(map(is_recorded, begun)),
        sum(synced(each) == ["bytes", "record"] for each in half),
        sum(map(is_stored, whole)),
    ]

    assert in_order == [rounds] * 3
    figure(
        "order of system calls before each 201 and 204 of a resumable upload",
        "fsync of the bytes, then of the offset; when whole, as any upload",
        f"{sum(in_order)} of {3 * rounds}",
    )


def span(calls, answers, n):
    """What was called since the answer before this one."""
    return calls.lines[answers[n - 1] + 1 if n else 0 : answers[n]]


def synced(calls):
    return [found[1] for line in calls if (found := SYNC.match(line))]


def is_recorded(calls):
    """Whether a record was synced, renamed, and its folder synced after that."""
    return comes_in_order(
        calls,
        r"fsync\(\d+<[^>]*/Uploads/\.partial-",
        r"rename.*\.record",
        r"fsync\(\d+<[^>]*/Uploads>",
    )


def is_stored(calls):
    """Whether the bytes were synced before they had their public name, and its folder after."""
    return comes_in_order(
        calls,
        r"fdatasync\(\d+<[^>]*\.bytes>",
        r"rename.*\.record",
        r"fsync\(\d+<[^>]*\.bytes>",
        r"fsync\(\d+<[^>]*/Storage/\.partial-",
        r"rename.*\.partial-.*Storage/",
        r"fsync\(\d+<[^>]*/Storage>",
        r"unlink.*\.bytes",
    )


def comes_in_order(calls, *patterns):
    lines = iter(calls)
    return all(any(re.search(pattern, line) for line in lines) for pattern in patterns)
