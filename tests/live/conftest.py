"""What the live tests share: one running service, connections that stay, and bad strings."""

import http.client
import json
import time
from urllib.parse import urlsplit

import pytest

from clients import Answer
from servers import running_service

IDLE_SECONDS = 2  # the server keeps an idle connection for longer than this


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """One service, for tests that do not mind what others have stored in it."""
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder, disk_floor=0, decoders=1) as running:
        yield running


@pytest.fixture
def connect():
    """`connect(port)` is a client that asks over one connection for as long as it may."""
    opened = []

    def connection(port):
        opened.append(Connection(port))
        return opened[-1]

    yield connection
    for one in opened:
        one.close()


class Connection:
    """Asks again and again over one connection; never repeats a request that failed."""

    def __init__(self, port):
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._used = time.monotonic()

    def ask(self, method, target, body=None, headers=None):
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._http.close()
        self._http.request(method, target, body=body, headers=headers or {})
        with self._http.getresponse() as answer:
            taken = Answer(answer.status, dict(answer.headers), answer.read())
        self._used = time.monotonic()
        return taken

    def get(self, link):
        return self.ask("GET", urlsplit(link).path)

    def close(self):
        self._http.close()


@pytest.fixture(scope="session")
def naughty_strings(corpus):
    """Strings that break naive services, as bytes; some of them are no UTF-8."""
    folder = corpus("names")
    strings = json.loads((folder / "blns__blns.json").read_text("utf-8"))
    strings += [entry["name"] for entry in json.loads((folder / "filenames.json").read_text())]
    return [string.encode("utf-8", "surrogatepass") for string in strings]


@pytest.fixture(scope="session")
def naughty_names(corpus, naughty_strings):
    """Those strings, and every line of the lists of bad file names, as bytes."""
    lists = [path for path in sorted(corpus("names").iterdir()) if path.suffix in (".txt", ".lst")]
    lines = [line.rstrip(b"\r") for path in lists for line in path.read_bytes().split(b"\n")]
    return [*naughty_strings, *lines]
