"""What the live tests share: one running service, connections that stay, and bad strings."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import time
from urllib.parse import urlsplit

import pytest

from clients import Answer
from lossy import lossy
from servers import running_service
from tracing import CALLS, Calls
from upload_fronts import FRONTS, running_front
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.secret import make_secret
from waiting import eventually

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


@pytest.fixture
def small_disk(tmp_path):
    """Run a block with its data on a small file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")

    @contextlib.contextmanager
    def mounted(options, *, at="data"):
        data = tmp_path / at
        data.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", data], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        try:
            yield data
        finally:
            subprocess.run(["umount", "--lazy", data], check=True)

    return mounted


@pytest.fixture
def fill():
    """`fill(path)` takes what is left of a disk for a file."""

    def fill(path):
        with path.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(b"x" * 4096):
                pass

    return fill


@pytest.fixture
def traced(program, tmp_path):
    """Run a block with a traced service; afterwards read what it asked the kernel for."""
    strace = program("strace")
    out = tmp_path / "trace"
    # Made beforehand, so that the first call of a kind is the first of an upload.
    data = DataDir(tmp_path / "data")
    data.prepare(dir_mode=0o755)
    make_secret(data.secret, locks=data.state)

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


@pytest.fixture(scope="module", params=FRONTS)
def front(request, tmp_path_factory, program):
    """Where clients with resumable uploads come in."""
    with running_front(request.param, tmp_path_factory.mktemp("front"), program) as front:
        yield front


@pytest.fixture
def network(front):
    """A bad network in front of it."""
    with lossy(front.port) as network:
        yield network


@pytest.fixture
def endpoint(front, network):
    """The address of resumable uploads through this network."""
    return network.url + front.path
