"""Uppy in Chromium, on a page of another origin: uploads that break off go on and end whole."""

import functools
import http.server
import random
import threading
from contextlib import contextmanager

import pytest

from clients import fetch
from foreign_clients import bundle, need
from lossy import Deed, Fault, Way, lossy
from servers import running_service
from tus_by_hand import some_bytes
from waiting import eventually

pytestmark = pytest.mark.browser

PAGE = '<!doctype html><meta charset="utf-8"><input type="file"><script src="uppy.js"></script>'
BEGIN = "([endpoint, options]) => { window.result = upload(endpoint, options) }"
END = "() => Promise.race([result, new Promise(over => setTimeout(over, 90000, 'not done'))])"
SMALLEST, LARGEST = 100_000, 800_000
WAYS = {
    "all at once": {},
    "in chunks": {"chunkSize": 90_000},
    "parts side by side": {"parallelUploads": 3},
    "bytes with the creation": {"uploadDataDuringCreation": True},
    "POST instead of PATCH": {"overridePatchMethod": True, "addRequestId": True},
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    """Serve a folder on a loopback port, which is the origin of a page of somebody else."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The port of a server that has the page with Uppy."""
    need("@uppy/tus")
    folder = tmp_path_factory.mktemp("site")
    bundle("uppy.mjs", folder / "uppy.js")
    (folder / "index.html").write_text(PAGE)
    with served(folder) as port:
        yield port


@pytest.fixture(scope="module")
def service(site, tmp_path_factory):
    """A service that this page may use, and no other."""
    origin = f"http://127.0.0.1:{site}"
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder, cors_origins=origin, disk_floor=0, decoders=1) as service:
        yield service


@pytest.fixture
def network(service):
    with lossy(service.port) as network:
        yield network


@pytest.fixture
def tab(browser):
    with browser.new_context() as context:
        yield context.new_page()


def begin(tab, site, path, network, options):
    """Choose the file on the page and begin to upload it."""
    tab.goto(f"http://127.0.0.1:{site}/")
    tab.locator("input").set_input_files(path)
    tab.evaluate(BEGIN, [f"{network.url}/files/", options])


def breaks(chance, size):
    deeds = [Deed.RESET, Deed.CLOSE]
    up = [Fault(chance.randrange(size), chance.choice(deeds)) for _ in range(chance.randint(1, 2))]
    return up + [Fault(chance.randrange(500), Deed.RESET, Way.DOWN)] * chance.randint(0, 1)


def stall(tab, site, path, network, options, after):
    """Begin to upload on a network that stands still after so many bytes."""
    struck = network.struck
    network.expect(Fault(after, Deed.STALL))
    begin(tab, site, path, network, options)
    assert eventually(lambda: network.struck > struck)


def test_what_uppy_uploads_is_stored_whole_however_often_it_breaks_off(
    tab, site, service, network, tmp_path, many, figure
):
    runs, equal, reloads, pauses = many(6, 100), 0, 0, 0
    ways = list(WAYS.values())
    for run in range(runs):
        chance, options = random.Random(run), ways[run % len(ways)]
        data = some_bytes(run, SMALLEST, LARGEST)
        path = tmp_path / f"{run}.bin"
        path.write_bytes(data)
        if run % 3 == 1:
            # The page is loaded anew, and the same file chosen again.
            stall(tab, site, path, network, options, chance.randrange(len(data)))
            network.expect(*breaks(chance, len(data)))
            begin(tab, site, path, network, options)
            reloads += 1
        elif run % 3 == 2:
            stall(tab, site, path, network, options, chance.randrange(len(data)))
            network.expect(*breaks(chance, len(data)))
            tab.evaluate("uppy.pauseAll(); uppy.resumeAll()")
            pauses += 1
        else:
            network.expect(*breaks(chance, len(data)))
            begin(tab, site, path, network, options)
        url = tab.evaluate(END)
        network.expect()

        assert url
        assert fetch(url).body == data
        equal += 1
        path.unlink()
    assert network.struck >= runs
    figure(
        f"Uppy in Chromium, from another origin: {len(WAYS)} ways to upload",
        "100 runs, every file equal to its source",
        f"{equal} of {runs} equal; {network.struck} breaks, {reloads} times the page was loaded "
        f"anew, {pauses} pauses",
    )


def test_after_a_reload_uppy_goes_on_where_it_was(tab, site, service, network, tmp_path):
    data = some_bytes("reload", LARGEST, LARGEST)
    path = tmp_path / "reload.bin"
    path.write_bytes(data)
    stall(tab, site, path, network, {}, LARGEST // 2)
    sent = []
    tab.on("request", lambda request: sent.append((request.method, request.headers)))
    begin(tab, site, path, network, {})
    url = tab.evaluate(END)
    offsets = [int(headers["upload-offset"]) for method, headers in sent if method == "PATCH"]

    assert fetch(url).body == data
    assert "POST" not in [method for method, _ in sent]
    assert len(offsets) == 1
    assert 0 < offsets[0] < LARGEST


def test_a_page_of_an_origin_that_is_not_allowed_cannot_upload(tab, site, network, tmp_path):
    path = tmp_path / "foreign.bin"
    path.write_bytes(b"x" * 1000)
    tab.goto(f"http://localhost:{site}/")
    tab.locator("input").set_input_files(path)
    tab.evaluate(BEGIN, [f"{network.url}/files/", {"retryDelays": []}])

    assert tab.evaluate(END) is None
