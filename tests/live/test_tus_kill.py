"""kill -9 in the middle of resumable uploads: what HEAD counts is there, and they go on."""

import contextlib
import random
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import tus_by_hand as tus
from clients import fetch
from servers import running_service

pytestmark = pytest.mark.live

UPLOADERS = 3
SMALLEST, LARGEST = 100_000, 3_000_000


@dataclass
class Uploader:
    """A client that uploads one file after the other, and goes on when the service is back."""

    chance: random.Random
    data: bytes = b""
    id: str | None = None
    acknowledged: int = 0
    """Bytes of the present file of which the client was told that they are there."""
    is_sending: bool = False
    done: dict[str, bytes] = field(default_factory=dict)
    """The file of each upload that is whole, by its ID."""
    unexpected: list = field(default_factory=list)

    def go_on(self, endpoint: str) -> None:
        """Upload until the service is gone."""
        with contextlib.suppress(*tus.BROKEN):
            while not self.unexpected:
                self._upload(endpoint)

    def finish(self, endpoint: str) -> None:
        """Upload what is left of the present file."""
        if self.id is not None:
            self._upload(endpoint)

    def _upload(self, endpoint: str) -> None:
        if self.id is None:
            self.data = self.chance.randbytes(self.chance.randint(SMALLEST, LARGEST))
            self.acknowledged = 0
            self.id = tus.create(endpoint, len(self.data)).rpartition("/")[2]
        begin = tus.offset(endpoint + self.id)
        while begin < len(self.data):
            end = begin + self.chance.choice([10_000, 300_000, LARGEST])
            self.is_sending = True
            answer = tus.patch(endpoint + self.id, self.data[begin:end], begin)
            if answer.status != 204:
                self.unexpected.append(answer)
                return
            self.is_sending = False
            self.acknowledged = begin = int(answer.headers["Upload-Offset"])
        self.done[self.id] = self.data
        self.id = None


@dataclass
class Kills:
    """What was found after kills."""

    cut: int = 0
    """Requests that were under way."""
    beyond: int = 0
    """Offsets that count what is not on disk, or is not what was sent."""
    lost: int = 0
    """Offsets that do not count what was acknowledged."""
    whole: int = 0
    """Uploads that are whole."""
    equal: int = 0
    """Those whose file is equal to its source."""

    def look(self, uploaders: list[Uploader], endpoint: str, there: list[bytes | None]) -> None:
        """Compare what HEAD tells, when the service is back, with what was there before."""
        for uploader, on_disk in zip(uploaders, there, strict=True):
            self.cut += uploader.is_sending
            uploader.is_sending = False
            if uploader.id is None:
                continue
            told = tus.offset(endpoint + uploader.id)
            if told == len(uploader.data) and on_disk is None:
                on_disk = fetch(endpoint + uploader.id).body  # it is stored already
            self.beyond += (on_disk or b"")[:told] != uploader.data[:told]
            self.lost += told < uploader.acknowledged

    def take_away(self, uploaders: list[Uploader], endpoint: str) -> None:
        """Compare all files with their sources, and remove them."""
        for uploader in uploaders:
            self.whole += len(uploader.done)
            while uploader.done:
                id, data = uploader.done.popitem()
                self.equal += fetch(endpoint + id).body == data
                removed = fetch(endpoint + id, method="DELETE", headers=tus.VERSION)
                assert removed.status == 204, removed


def kill_in_the_middle(server, uploaders, chance):
    """Let them upload, and kill the server at some moment."""
    threads = [
        threading.Thread(target=uploader.go_on, args=(f"{server.url}/files/",))
        for uploader in uploaders
    ]
    for thread in threads:
        thread.start()
    # The moment of the kill is the one thing here that is left to chance.
    threading.Event().wait(chance.uniform(0.01, 0.3))
    server.kill()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(uploader.unexpected for uploader in uploaders)


def bytes_on_disk(folder, uploader):
    """What is there of an unfinished upload; None if there is nothing."""
    path = folder / f"{uploader.id}.bytes"
    return path.read_bytes() if uploader.id and path.exists() else None


def test_after_a_kill_at_any_moment_head_tells_what_is_there_and_uploads_go_on(
    tmp_path, many, figure
):
    rounds, chance, kills = many(8, 200), random.Random(5), Kills()
    uploaders = [Uploader(random.Random(number)) for number in range(UPLOADERS)]
    settings = {"disk_floor": 0, "decoders": 1, "threads": 20}
    there = [None] * UPLOADERS
    for _ in range(rounds):
        with running_service(tmp_path, **settings) as service:
            kills.look(uploaders, f"{service.url}/files/", there)
            kills.take_away(uploaders, f"{service.url}/files/")
            kill_in_the_middle(service, uploaders, chance)
        there = [bytes_on_disk(service.data_dir / "Uploads", each) for each in uploaders]
    with running_service(tmp_path, **settings) as service:
        kills.look(uploaders, f"{service.url}/files/", there)
        for uploader in uploaders:
            uploader.finish(f"{service.url}/files/")
        kills.take_away(uploaders, f"{service.url}/files/")
        cleaned = service.command("clean")

    assert kills.cut > 0, "else no kill came in the middle of anything"
    assert (kills.beyond, kills.lost, kills.equal) == (0, 0, kills.whole)
    assert cleaned.returncode == 0, cleaned.stderr
    assert list(service.storage.iterdir()) == [], "each was stored once"
    # Those that were begun, and nobody was told.
    left = (service.data_dir / "Uploads").glob("*.bytes")
    assert [path for path in left if path.stat().st_size] == []
    figure(
        "kill -9 of the server at random moments of tus uploads",
        "200: HEAD's offset never beyond what is on disk; every file equal to its source",
        f"{rounds}: {kills.cut} requests cut, {kills.beyond} offsets beyond, {kills.lost} short "
        f"of what was acknowledged, {kills.equal} of {kills.whole} files equal",
    )


@dataclass
class Naive:
    url: str
    folder: Path
    process: subprocess.Popen

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=10)


@contextlib.contextmanager
def running_naive(folder):
    """Run the server that counts bytes before they are there."""
    program = Path(__file__).resolve().parent.parent / "counts_first.py"
    process = subprocess.Popen([sys.executable, program, folder], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield Naive(f"http://127.0.0.1:{int(process.stdout.readline())}", folder, process)
        finally:
            process.kill()


def test_a_server_that_counts_before_it_writes_is_found_out(tmp_path):
    chance, kills, uploaders = random.Random(5), Kills(), [Uploader(random.Random(1))]
    for _ in range(50):
        with running_naive(tmp_path) as server:
            kill_in_the_middle(server, uploaders, chance)
        there = [bytes_on_disk(tmp_path, uploaders[0])]
        with running_naive(tmp_path) as server:
            kills.look(uploaders, f"{server.url}/files/", there)
        if kills.beyond:
            break
        uploaders[0].id = None

    assert kills.beyond
