"""Watched uploads on a disk that is full, out of inodes, read-only or failing; and in time."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clients import file_form
from watching import Watched, call, environ_of

pytestmark = pytest.mark.live


def test_a_full_disk_is_507_and_goes_on_when_there_is_room(small_disk, fill):
    with small_disk("size=4m") as folder:
        watched = Watched(folder)
        answer = watched.post(b"x" * 5_000_000, status=507)

        assert answer.headers["Retry-After"]
        assert watched.kept() == 0
        assert watched.status()["state"] == "error"
        assert watched.status()["error"] == answer.text.strip()

        # Filled to the last byte, not even a record can be written; what was told stays told.
        fill(folder / "filler")
        watched.post(status=507, id="other")
        assert watched.status()["state"] == "error"

        (folder / "filler").unlink()
        watched.post(b"x" * 1_000_000)
        assert watched.status()["state"] == "done"


def test_a_disk_that_fills_up_by_others_meanwhile_is_told_and_nothing_is_kept(small_disk, fill):
    with small_disk("size=4m") as folder:
        watched = Watched(folder)

        class Filling:
            """A body in the middle of which the disk becomes full."""

            def __init__(self, body):
                self._pieces = [body[:100_000], body[100_000:]]

            def read(self, size=-1):
                if len(self._pieces) == 1:
                    fill(folder / "filler")
                return self._pieces.pop(0) if self._pieces else b""

        content = file_form(b"x" * 1_000_000)
        status, _ = call(watched.app, environ_of(content, body=Filling(content[1])))

        assert status.startswith("507 ")
        assert watched.status()["state"] == "error"
        assert [path.name for path in folder.iterdir() if len(path.name) > 70] == []


def test_a_disk_without_inodes_is_507_and_a_record_that_runs_is_an_error(small_disk):
    with small_disk("size=4m,nr_inodes=8") as folder:
        watched = Watched(folder)
        statuses = [
            watched.client.post(
                f"/upload?X-Progress-ID={number}", *_form(), expect_errors=True
            ).status_int
            for number in range(8)
        ]
        done = [watched.status(str(number))["state"] for number in range(8)].count("done")

        assert statuses == [200] * done + [507] * (8 - done)
        assert 0 < done < 8
        assert watched.kept() == done


def _form():
    kind, body = file_form(b"x")
    return body, {"Content-Type": kind}


def test_a_disk_that_became_read_only_is_an_error_and_not_a_lie(small_disk):
    with small_disk("size=4m") as folder:
        watched = Watched(folder)
        watched.post(b"kept")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        answer = watched.post(b"x", id="other", status=500)
        cleared = watched.client.get("/upload?clear&X-Progress-ID=id", status=500)
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)

        assert answer.text == cleared.text == "the disk refused this\n"
        assert watched.status()["state"] == "done"
        assert watched.status("other")["state"] == "starting"


# What the kernel is asked for

SCRIPT = """
import json, sys
from pathlib import Path
from watching import Watched, call, environ_of
from clients import file_form

watched = Watched(Path(sys.argv[1]))
status, _ = call(watched.app, environ_of(file_form(b"data")))
told = {"status": status[:3], "state": watched.status()["state"], "kept": watched.kept()}
print(json.dumps(told), flush=True)
"""
CALLS = "trace=fsync,fdatasync,rename,renameat,renameat2,write,flock"


@pytest.fixture
def traced(program, tmp_path):
    """`traced(*faults)` is what one upload came to, and what the kernel was asked for."""

    def run(*faults):
        trace, folder = tmp_path / "trace", tmp_path / "uploads"
        strace = [program("strace"), "-f", "-y", "-s", "64", "-o", trace, "-e", CALLS]
        options = [word for fault in faults for word in ("-e", f"inject={fault}")]
        done = subprocess.run(
            [*strace, *options, sys.executable, "-W", "ignore", "-c", SCRIPT, folder],
            env={"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout), trace.read_text().splitlines()

    return run


def test_an_upload_is_on_disk_before_its_record_says_so_and_the_record_before_anybody_is_told(
    traced,
):
    told, calls = traced()
    data = _first(calls, r"fsync\(\d+<[^>]+/[0-9a-f]{64}-[0-9a-f]{16}>\)\s+= 0")
    record = _first(calls, r"fsync\(\d+<[^>]+/\.partial-[0-9a-f]{16}>\)\s+= 0", after=data)
    shown = _first(calls, r"rename.*\.json.*= 0", after=record)
    folder = _first(calls, r"fsync\(\d+<[^>]+/uploads>\)\s+= 0", after=shown)
    answer = _first(calls, r"write\(1<.*status", after=folder)

    assert told == {"status": "200", "state": "done", "kept": 1}
    assert data < record < shown < folder < answer


def _first(calls, pattern, after=-1):
    """Where the first call of this kind stands that came after another."""
    found = [n for n, line in enumerate(calls) if n > after and re.search(pattern, line)]
    assert found, f"{pattern} not in\n" + "\n".join(calls)
    return found[0]


@pytest.mark.parametrize(
    "fault",
    [
        "fsync:error=EIO:when=1",
        "fsync:error=EIO:when=2",
        "fsync:error=EIO:when=3",
        "fsync:error=EIO",
        "rename,renameat,renameat2:error=EIO:when=1",
        "rename,renameat,renameat2:error=EIO:when=2",
    ],
)
def test_when_the_disk_fails_the_client_is_told_and_nothing_is_kept(traced, fault):
    told, _ = traced(fault)

    assert told["status"] == "500"
    assert told["kept"] == 0
    assert told["state"] in ("error", "starting")
