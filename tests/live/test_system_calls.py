"""What the kernel is asked for, and in which order, before a client is told "saved"."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from clients import fetch, upload
from servers import running_service
from uploadsvc.storage.datadir import DataDir
from waiting import eventually

pytestmark = pytest.mark.live

RESUMED = re.compile(r"<\.\.\. \w+ resumed>,? ?")
CALLS = "trace=fsync,fdatasync,rename,renameat,renameat2,sendto,write,mkdir,unlink,unlinkat,rmdir"


@pytest.fixture
def traced(program, tmp_path):
    """Run a block with a traced service; afterwards read what it asked the kernel for."""
    strace = program("strace")
    out = tmp_path / "trace"
    # Made beforehand, so that the first call of a kind is the first of an upload.
    DataDir(tmp_path / "data").prepare(dir_mode=0o755)

    def run(work, *inject, **settings):
        # -D: the service stays our child, and strace watches from aside.
        wrapper = (strace, "-D", "-f", "-y", "-s", "64", "-e", CALLS, "-o", str(out))
        options = [word for rule in inject for word in ("-e", f"inject={rule}")]
        with running_service(
            tmp_path, wrapper=(*wrapper, *options), threads=8, decoders=1, disk_floor=0, **settings
        ) as service:
            work(service)
        # strace may still be writing.
        end = re.compile(rf"^{service.process.pid} +\+\+\+ exited", re.MULTILINE)
        assert eventually(lambda: end.search(out.read_text())), out.read_text()
        return Calls(out.read_text())

    return run


class Calls:
    """The system calls of a trace, each a line, in the order in which they ended."""

    def __init__(self, text):
        self.lines = []
        begun = {}
        for line in text.splitlines():
            process, _, call = line.partition(" ")
            call = call.strip()
            if call.endswith("<unfinished ...>"):
                # Another thread's call came in between.
                begun[process] = call.removesuffix("<unfinished ...>").rstrip()
            elif rest := RESUMED.match(call):
                self.lines.append(begun.pop(process, "") + call[rest.end() :])
            elif call:
                self.lines.append(call)

    def answers(self):
        return [n for n, line in enumerate(self.lines) if re.search(r'"HTTP/1\.1 20[01] ', line)]

    def before(self, answer):
        """What was called since the answer before this one."""
        earlier = [n for n in self.answers() if n < answer]
        return self.lines[(earlier[-1] + 1 if earlier else 0) : answer]


def is_durable(calls, kind):
    """
    Whether a file was fsynced, then renamed, and every changed folder fsynced after that.

    `kind` is "upload", whose folder is renamed with the file in it, or "preview".
    """
    synced = [(n, m[1]) for n, line in enumerate(calls) if (m := SYNC.match(line))]
    renamed = [(n, m[1], m[2]) for n, line in enumerate(calls) if (m := RENAME.search(line))]
    for moment, source, target in renamed:
        before = {Path(path) for n, path in synced if n < moment}
        after = {Path(path).name for n, path in synced if n > moment}
        aside = Path(source).name
        if kind == "upload":
            file_synced = any(path.parent.name == aside for path in before)
            folder_synced = any(path.name == aside for path in before)
            if file_synced and folder_synced and "Storage" in after and "/" not in target[-8:]:
                return True
        elif any(path.name == aside for path in before) and "Previews" in after:
            return True
    return False


SYNC = re.compile(r"f(?:data)?sync\(\d+<([^>]+)>\)\s+= 0")
RENAME = re.compile(r'rename(?:at2?)?\((?:\d+<[^>]*>, )?"([^"]+)", (?:\d+<[^>]*>, )?"([^"]+)".*= 0')


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
