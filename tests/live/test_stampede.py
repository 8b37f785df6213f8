"""Many at once for one new preview: one of them fetches it, all of them get it."""

import collections
import http.server
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from clients import fetch
from servers import running_service

pytestmark = pytest.mark.live

CLIENTS = 32


@pytest.fixture
def gallery():
    """A web server with a picture at every path, which counts what it is asked for."""
    asked = collections.Counter()

    class Gallery(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked[self.path] += 1
            file = io.BytesIO()
            Image.effect_noise((640, 480), 50).save(file, "JPEG")
            self.send_response(200)
            self.send_header("Content-Length", str(file.tell()))
            self.end_headers()
            self.wfile.write(file.getvalue())

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gallery)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_hundred_new_previews_for_32_clients_at_once_are_a_hundred_fetches(
    tmp_path, gallery, many, figure
):
    keys = many(10, 100)
    port, asked = gallery
    settings = {"fetch_allow": f"127.0.0.1:{port}", "threads": 200, "disk_floor": 0}
    broken = 0
    # Two servers on one data_dir: threads and processes are the same to the lock.
    with (
        running_service(tmp_path, **settings) as one,
        running_service(tmp_path, **settings) as two,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        together = threading.Barrier(CLIENTS)

        def look(number, key):
            together.wait(timeout=60)
            service = (one, two)[number % 2]
            address = f"http://127.0.0.1:{port}/{key}.jpg"
            return fetch(f"{service.url}/getpreview?x=64&y=64&addr={address}")

        for key in range(keys):
            answers = list(clients.map(look, range(CLIENTS), [key] * CLIENTS))
            bodies = {answer.body for answer in answers}

            assert {answer.status for answer in answers} == {200}
            assert len(bodies) == 1
            with Image.open(io.BytesIO(bodies.pop())) as shown:
                shown.load()
                broken += shown.size != (64, 48)
        left = [
            path.name for path in one.previews.iterdir() if path.suffix not in (".jpeg", ".made")
        ]

    assert broken == 0
    assert sorted(asked.values()) == [1] * keys
    assert left == []
    figure(
        f"{CLIENTS} clients at once on each of {keys} new previews",
        "100 fetches, every answer a whole picture",
        f"{sum(asked.values())} fetches, {broken} broken answers of {CLIENTS * keys}",
    )
