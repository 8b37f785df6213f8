"""kill -9 at any moment: nothing half, nothing acknowledged lost, nothing left behind."""

import hashlib
import http.client
import random
import threading

import pytest

from clients import fetch, upload
from servers import running_service
from uploadsvc.storage.local import LocalStorage

pytestmark = pytest.mark.live

UPLOADERS = 3


class Senders:
    """Clients that upload and look at previews until the service is gone."""

    def __init__(self, url, seed, picture):
        self.sent = set()
        self.acknowledged = {}
        self._url = url
        self._picture = picture
        self._threads = [
            threading.Thread(target=self._send, args=(random.Random(f"{seed}/{number}"),))
            for number in range(UPLOADERS)
        ]
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join(timeout=60)

    def _send(self, chance):
        try:
            while True:
                # Pictures are measured for the answer, by decoders that have yet to start.
                begin = chance.choice([self._picture, b"no picture", b"no picture either"])
                data = begin + chance.randbytes(chance.choice([100, 50_000, 3_000_000]))
                self.sent.add(digest(data))
                answer = upload(self._url, data, filename="photo.png")
                if answer.status == 201:
                    self.acknowledged[answer.json["link"].partition("/Storage/")[2]] = digest(data)
                    if begin == self._picture:
                        fetch(f"{self._url}/getpreview?addr={answer.json['link']}")
        except (OSError, http.client.HTTPException):
            return  # the service is gone


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_a_kill_at_any_moment_loses_nothing_and_leaves_nothing(tmp_path, many, figure, picture):
    rounds = many(20, 200)
    chance = random.Random(20)
    sent, acknowledged, left_overs = set(), {}, 0
    for number in range(rounds):
        with running_service(tmp_path, decoders=1, threads=8, disk_floor=0) as service:
            senders = Senders(service.url, number, picture)
            # The moment of the kill is the one thing here that is left to chance.
            threading.Event().wait(chance.uniform(0.02, 0.4))
            service.kill()
            senders.join()
        sent |= senders.sent
        acknowledged |= senders.acknowledged
        left_overs += sum(name.startswith(".partial") for name in names(service.storage))
        cleaned = service.command("clean")

        assert cleaned.returncode == 0, cleaned.stderr
        assert not [n for n in names(service.storage) if n.startswith(".")]
        assert not [n for n in names(service.previews) if n.startswith(".")]
    stored = {
        f"{file.key.folder}/{file.key.name}": digest(
            (service.storage / file.key.folder / file.key.name).read_bytes()
        )
        for file in LocalStorage(service.storage)
    }

    assert set(stored.values()) <= sent
    assert all(stored.get(key) == sha for key, sha in acknowledged.items())
    assert len(names(service.storage)) == len(stored)
    assert left_overs > 0  # else no kill came in the middle of an upload, and nothing was shown
    figure(
        "kill -9 at random moments",
        "200: nothing partial visible, nothing acknowledged lost, nothing left after the cleaner",
        f"{rounds} kills: {left_overs} uploads cut in the middle, 0 partial visible, "
        f"0 of {len(acknowledged)} acknowledged lost, 0 left after the cleaner",
    )


def names(folder):
    return [path.name for path in folder.iterdir()]
