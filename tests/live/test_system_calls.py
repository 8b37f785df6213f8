"""What the kernel is asked for, and in which order, before a client is told "saved"."""

import re
import socket
import subprocess
import sys

import pytest

from clients import fetch, upload
from tracing import CALLS, Calls, is_durable
from waiting import eventually

pytestmark = pytest.mark.live


def test_nothing_is_called_saved_before_it_is_on_disk(traced, many, figure, picture):
    rounds = many(10, 100)

    def work(service):
        for _ in range(rounds):
            answer = upload(service.url, picture, filename="photo.png")
            assert answer.status == 201
            assert fetch(f"{service.url}/getpreview?addr={answer.json['link']}").status == 200

    calls = traced(work)
    answers = calls.answers()
    uploads = [is_durable(calls.before(answer), "upload") for answer in answers[0::2]]
    previews = [is_durable(calls.before(answer), "preview") for answer in answers[1::2]]

    assert len(uploads) == len(previews) == rounds
    assert all(uploads)
    assert all(previews)
    figure(
        "order of system calls before each 200",
        "fsync of the file, rename, fsync of every directory that changed",
        f"{sum(uploads)} of {rounds} uploads, {sum(previews)} of {rounds} previews",
    )


def test_a_naive_server_would_not_pass_this_check(program, tmp_path):
    server, client = socket.socketpair()
    with server, client:
        script = (
            "import os, socket, sys\n"
            "os.makedirs('Storage/AAAAAAAA')\n"
            "open('Storage/AAAAAAAA/partial', 'wb').write(b'x' * 9)\n"
            "os.rename('Storage/AAAAAAAA/partial', 'Storage/AAAAAAAA/photo')\n"
            "socket.socket(fileno=int(sys.argv[1])).sendall(b'HTTP/1.1 200 OK\\r\\n')\n"
        )
        trace = tmp_path / "trace"
        subprocess.run(
            [program("strace"), "-f", "-y", "-s", "64", "-e", CALLS, "-o", trace,
             sys.executable, "-c", script, str(server.fileno())],
            cwd=tmp_path, pass_fds=[server.fileno()], check=True, timeout=60,
        )  # fmt: skip
    calls = Calls(trace.read_text())
    [answer] = calls.answers()

    assert not is_durable(calls.before(answer), "upload")


@pytest.mark.parametrize(
    "fault",
    [
        "fsync:error=EIO:when=1",
        "fsync:error=EIO:when=2",
        "fsync:error=EIO:when=3",
        "rename,renameat,renameat2:error=EIO:when=1",
        "mkdir:error=EACCES:when=1",
    ],
)
def test_when_the_disk_fails_the_client_is_told_and_nothing_is_left(traced, fault):
    answers = []

    def work(service):
        answers.append(upload(service.url, b"data").status)
        answers.append(list(service.storage.iterdir()))
        # Calls are counted in each thread: one that was not used yet fails once, too.
        answers.append(eventually(lambda: upload(service.url, b"data").status == 201))
        answers.append(len(list(service.storage.iterdir())))

    calls = traced(work, fault)

    assert answers == [500, [], True, 1], "\n".join(calls.lines)


def test_a_disk_that_fails_in_the_clean_up_too_is_told_the_same_way(traced):
    told = []

    def work(service):
        told.append(upload(service.url, b"data"))
        told.append([path.name[:9] for path in service.storage.iterdir()])
        service.command("clean")
        told.append(list(service.storage.iterdir()))

    traced(work, "fsync:error=EIO:when=1", "rmdir:error=EROFS:when=1")
    answer, left, after_cleaning = told

    assert (answer.status, answer.json["code"]) == (500, "storage-failed")
    assert left == [".partial-"]
    assert after_cleaning == []


def test_when_every_sync_fails_nothing_is_ever_called_saved(traced):
    answers = []

    def work(service):
        answers.extend(upload(service.url, b"data").status for _ in range(3))
        answers.append(list(service.storage.iterdir()))

    traced(work, "fsync:error=EIO")

    assert answers == [500, 500, 500, []]


def test_a_large_file_is_synced_while_it_comes(traced):
    calls = traced(lambda service: upload(service.url, b"x" * 70_000_000), max_upload="100MB").lines
    [partial] = {m[1] for line in calls if (m := re.match(r"fdatasync\(\d+<([^>]+)>\)", line))}

    assert "/.partial-" in partial
    assert sum(line.startswith("fdatasync(") for line in calls) == 2
