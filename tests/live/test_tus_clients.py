"""Clients of others, unchanged: uploads that break at random places go on and end whole."""

import contextlib
import random
import re

import pytest

from clients import fetch
from foreign_clients import address, need, tus_js_client, tuspy
from lossy import Deed, Fault, Way, lossy
from servers import running_service
from tus_by_hand import VERSION, offset, some_bytes
from waiting import eventually

pytestmark = pytest.mark.live

SMALLEST, LARGEST = 50_000, 800_000

TUS_JS = {
    "all at once": {},
    "in chunks": {"options": {"chunkSize": 70_000}},
    "parts side by side": {"options": {"parallelUploads": 3}},
    "a length told at the end": {
        "options": {"uploadLengthDeferred": True, "chunkSize": 90_000},
        "stream": True,
    },
    "POST instead of PATCH": {"options": {"addRequestId": True, "overridePatchMethod": True}},
    "bytes with the creation": {"options": {"uploadDataDuringCreation": True}},
    "chunks and bytes with the creation": {
        "options": {"uploadDataDuringCreation": True, "chunkSize": 120_000}
    },
}
TUSPY = {
    "all at once": {},
    "in chunks": {"options": {"chunk_size": 70_000}},
    "in chunks that it tries again": {"options": {"chunk_size": 70_000, "retries": 2}},
    "all at once with SHA-1": {"options": {"upload_checksum": True}},
    "in chunks with SHA-1": {"options": {"chunk_size": 70_000, "upload_checksum": True}},
}
MOST_STARTS = 20


@pytest.fixture
def network(service):
    with lossy(service.port) as network:
        yield network


@pytest.fixture
def sources(tmp_path):
    """`sources(seed)` is a new file and its bytes."""

    def write(seed):
        data = some_bytes(seed, SMALLEST, LARGEST)
        path = tmp_path / f"{seed}.bin"
        path.write_bytes(data)
        return path, data

    return write


def breaks(chance, size, *, of_answer=500):
    """One to three breaks: on the way up anywhere in the file, or of an answer after so much."""
    deeds = [Deed.RESET, Deed.CLOSE]
    up = [Fault(chance.randrange(size), chance.choice(deeds)) for _ in range(chance.randint(1, 2))]
    down = [Fault(chance.randint(0, of_answer), chance.choice(deeds), Way.DOWN)]
    down *= chance.randint(0, 1)
    return chance.sample(up + down, len(up + down))


def is_stored(service, url, data):
    """Whether the upload is a stored file of these bytes: by its address, its link, on disk."""
    upload = f"{service.url}/files/{url.rpartition('/')[2]}"
    link = fetch(f"{upload}/info").json["link"]
    path = service.storage / link.partition("/Storage/")[2]
    return fetch(upload).body == data and fetch(link).body == data and path.read_bytes() == data


def test_what_tus_js_client_uploads_is_stored_whole_however_often_it_breaks_off(
    service, network, sources, many, figure
):
    need("tus-js-client")
    runs, equal, killed = many(len(TUS_JS), 100), 0, 0
    ways = list(TUS_JS.values())
    for run in range(runs):
        chance = random.Random(run)
        path, data = sources(run)
        job = {"endpoint": f"{network.url}/files/", "file": str(path), **ways[run % len(ways)]}
        struck = network.struck
        if "stream" not in job and chance.random() < 0.5:
            job["store"] = str(path.with_suffix(".urls"))
            end_in_the_middle(network, chance.randrange(len(data)), tus_js_client, job)
            killed += 1
        network.expect(*breaks(chance, len(data)))
        url = address(tus_js_client(**job))

        assert network.struck > struck
        assert is_stored(service, url, data)
        equal += 1
        path.unlink()
    assert killed
    figure(
        f"tus-js-client in Node: {len(TUS_JS)} ways to upload, broken at random places",
        "100 runs, every file equal to its source",
        f"{equal} of {runs} equal; {network.struck} breaks, {killed} clients killed",
    )


def end_in_the_middle(network, after, start, job):
    """Kill a client whose connection has stalled after so many bytes; nobody tells the server."""
    struck = network.struck
    network.expect(Fault(after, Deed.STALL))
    client = start(**job)
    has_stalled = eventually(lambda: network.struck > struck)
    client.kill()
    told = client.communicate(timeout=10)
    assert has_stalled, told


def test_what_tus_js_client_gives_up_is_removed(tmp_path, sources):
    need("tus-js-client")
    path, _ = sources("terminated")
    job = {"file": str(path), "options": {"chunkSize": 10_000}, "terminateAt": 25_000}
    with running_service(tmp_path, disk_floor=0, decoders=1) as service:
        url = address(tus_js_client(endpoint=f"{service.url}/files/", **job))

        assert fetch(url, method="HEAD", headers=VERSION).status in (404, 410)
        assert list(service.storage.iterdir()) == []
        assert not list((service.data_dir / "Uploads").iterdir())


def test_what_tuspy_uploads_is_stored_whole_however_often_it_breaks_off(
    service, network, sources, many, figure
):
    runs, equal, starts, killed = many(len(TUSPY), 100), 0, 0, 0
    ways = list(TUSPY.values())
    for run in range(runs):
        chance = random.Random(run)
        path, data = sources(run)
        job = {
            "endpoint": f"{network.url}/files/",
            "file": str(path),
            "store": str(path.with_suffix(".urls")),
            "options": {},
            **ways[run % len(ways)],
        }
        struck = network.struck
        if chance.random() < 0.3:
            end_in_the_middle(network, chance.randrange(len(data)), tuspy, job)
            killed += 1
        # It takes half a head for a whole one, and with it half an address.
        network.expect(*breaks(chance, len(data), of_answer=0))
        url, tries = start_until_done(job)
        starts += tries

        assert network.struck > struck
        assert is_stored(service, url, data)
        equal += 1
        path.unlink()
    assert starts > runs
    figure(
        f"tuspy: {len(TUSPY)} ways to upload, broken at random places",
        "100 runs, every file equal to its source",
        f"{equal} of {runs} equal; {network.struck} breaks, {killed} clients killed, "
        f"{starts - runs} that failed started again",
    )


def start_until_done(job):
    """Run tuspy until it succeeds; return the upload's address and how many starts it took."""
    for tries in range(1, MOST_STARTS):
        with contextlib.suppress(OSError):
            return address(tuspy(**job)), tries
    return address(tuspy(**job)), MOST_STARTS


def test_a_client_that_does_not_go_on_leaves_an_upload_that_is_no_file(network, sources, tmp_path):
    path, data = sources("given up")
    network.expect(Fault(len(data) // 2))
    job = {"file": str(path), "store": str(tmp_path / "urls"), "options": {}}
    with pytest.raises(OSError, match=r"TusCommunicationError|TusUploadFailed"):
        address(tuspy(endpoint=f"{network.url}/files/", **job))
    [url] = re.findall(r"http[^\"]+", (tmp_path / "urls").read_text())

    assert 0 < offset(url) < len(data)
    assert fetch(url).status == 404
