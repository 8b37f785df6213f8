"""What the service and the cleaner ask the kernel for is what their systemd units allow."""

import io
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pillow_heif
import pillow_jxl  # noqa: F401 - has Pillow write JPEG XL
import pytest
from PIL import Image

from clients import fetch, file_form, upload
from servers import UPLOADSVC, running_service
from tus_by_hand import VERSION, create, go_on, offset, patching
from units import CLEANER, SERVICE, Unit
from waiting import eventually

pytestmark = pytest.mark.live

LINE = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$", re.MULTILINE)
OPENED = re.compile(r'^(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]*)", (?:\w+\|)*O_(?:WRONLY|RDWR|CREAT)')
CHANGED = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"')
CHANGING = re.compile(r"(?:mk|rm)dir|mknod|rename|(?:un|sym)?link|ch(?:mod|own)|truncate|utime")


class Trace:
    """The system calls of a command and of all that it started."""

    def __init__(self, path):
        self._calls = [found.groups() for found in LINE.finditer(path.read_text())]

    def names(self):
        return {name for _, name, _, _ in self._calls}

    def families(self):
        return {said.split(",")[0] for said in self._begun("socket")} - {""}

    def mapped_writable_and_executable(self):
        """What MemoryDenyWriteExecute= refuses: both at once, or code made of data later."""
        mapped = [said for said in self._begun("mmap") if "PROT_WRITE|PROT_EXEC" in said]
        changed = [said for name in ("mprotect", "pkey_mprotect") for said in self._begun(name)]
        return mapped + [said for said in changed if "PROT_EXEC" in said]

    def written(self):
        """Where a file was made, changed or opened for writing."""
        paths = [
            Path(found[1], found[2])
            for said in self._begun("openat")
            if (found := OPENED.match(said))
        ]
        for _, name, begun, said in self._calls:
            if begun == "(" and CHANGING.match(name):
                paths += [Path(folder, path) for folder, path in CHANGED.findall(said)]
        return paths

    def _begun(self, name):
        return [said for _, called, begun, said in self._calls if called == name and begun == "("]


@pytest.fixture(scope="module")
def tracer(program, tmp_path_factory):
    """`tracer()` is a command to put before another, and the file that it writes."""

    def command():
        path = tmp_path_factory.mktemp("trace") / "trace"
        # -D: the service stays our child, and strace watches from aside.
        return (program("strace"), "-D", "-f", "-y", "-s", "256", "-o", str(path)), path

    return command


@pytest.fixture(scope="module")
def served(tracer, tmp_path_factory, picture):
    """A trace of the service at all its work, and the folder of its data."""
    strace, path = tracer()
    folder = tmp_path_factory.mktemp("service")
    # As in the unit; and no compiled files beside the sources, which its user could not write.
    wrapper = ("sh", "-c", 'umask 077; exec "$@"', "sh", "env", "PYTHONDONTWRITEBYTECODE=1")
    with running_service(
        folder, wrapper=(*wrapper, *strace), threads=8, decoders=1, disk_floor=0
    ) as service:
        _work(service, picture)
        before = service.processes()
        os.kill(service.process.pid, signal.SIGHUP)
        assert eventually(lambda: set(service.processes()) & set(before) == {before[0]})
        _work(service, picture)
    _wait_for_the_end(path, service.process.pid)
    return Trace(path), service.data_dir


def _pictures():
    """Pictures that each decoder of the service has to work at."""
    pillow_heif.register_heif_opener()
    noise = Image.effect_noise((700, 500), 60).convert("RGB")
    for kind in ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "JXL", "JPEG2000"):
        file = io.BytesIO()
        noise.save(file, kind)
        yield file.getvalue()


def _work(service, picture):
    for each in _pictures():
        link = upload(service.url, each, filename="picture").json["link"]
        for accept in ("image/webp", "*/*"):
            preview = fetch(f"{service.url}/getpreview?addr={link}", headers={"Accept": accept})
            assert preview.status == 200
    answer = upload(service.url, picture, filename="photo.png")
    link = answer.json["link"]
    assert answer.status == 201
    assert fetch(link, headers={"Range": "bytes=0-9"}).status == 206
    assert fetch(f"{service.url}/getpreview?addr={link}").status == 200
    assert fetch(f"{service.url}/getpreview?addr=http://nowhere.invalid/").status == 502
    assert fetch(f"{service.url}/").status == 200
    _work_on_uploads(service)


def _work_on_uploads(service):
    """Uploads that resume, are put together, are taken over, are watched, and are deleted."""
    endpoint, data = f"{service.url}/files/", b"x" * 300_000
    parts = [_begin(endpoint, "partial", {"Upload-Length": str(len(data))}) for _ in range(2)]
    for part in parts:
        assert go_on(part, data) == 0
    told = fetch(f"{_begin(endpoint, 'final;' + ' '.join(parts), {})}/info").json
    assert told["size"] == 2 * len(data)
    held = create(endpoint, 1000)
    with patching(held, 1000) as holder:
        holder.sendall(b"half")
        # Whoever asks before it has come ends the request without it.
        came = service.data_dir / "Uploads" / f"{held.rpartition('/')[2]}.bytes"
        assert eventually(lambda: came.stat().st_size == 4)
        assert offset(held) == 4
        assert holder.recv(100).startswith(b"HTTP/1.1 409 ")
    content_type, body = file_form(b"watched")
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    watched = f"{service.url}/upload?X-Progress-ID=systemd"
    assert fetch(watched, method="POST", data=body, headers=headers).status == 201
    assert fetch(told["delete"], method="DELETE").status == 204


def _begin(endpoint, concat, headers):
    headers = VERSION | headers | {"Upload-Concat": concat, "Content-Length": "0"}
    answer = fetch(endpoint, method="POST", headers=headers)
    assert answer.status == 201, answer
    return endpoint + answer.headers["Location"]


def _wait_for_the_end(path, pid):
    end = re.compile(rf"^{pid} +\+\+\+ exited", re.MULTILINE)
    assert eventually(lambda: end.search(path.read_text())), path.read_text()


@pytest.fixture(scope="module")
def cleaned(served, tracer):
    """A trace of the cleaner, with something to remove, and the folder of the data."""
    _, data_dir = served
    folder = data_dir / "Storage/AAAAAAAA"
    folder.mkdir()
    (folder / "old").write_bytes(b"old")
    for path in folder / "old", folder:
        os.utime(path, (0, 0))
    strace, path = tracer()
    environ = {
        "UPLOADSVC_DATA_DIR": str(data_dir),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/nonexistent",  # systemd sets it, so that nobody looks it up
    }
    with subprocess.Popen([*strace, UPLOADSVC, "clean"], env=environ) as process:
        assert process.wait(timeout=60) == 0
    _wait_for_the_end(path, process.pid)
    assert not folder.exists()
    return Trace(path), data_dir


@pytest.fixture(params=[SERVICE, CLEANER], ids=lambda path: path.stem)
def watched(request):
    """A unit, the trace of what it runs, and the folder of its data."""
    trace, data_dir = request.getfixturevalue("served" if request.param == SERVICE else "cleaned")
    return Unit(request.param), trace, data_dir


@pytest.fixture(scope="module")
def unruly(tracer, tmp_path_factory):
    """A trace of a program that does what the units refuse."""
    strace, path = tracer()
    script = (
        "import mmap, os, socket\n"
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()\n"
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "os.sched_setaffinity(0, os.sched_getaffinity(0))\n"
        "os.chown('.', -1, -1)\n"
        "open('opened', 'w').close()\n"
        "os.mkdir('made')\n"
        "os.rename('opened', 'renamed')\n"
    )
    folder = tmp_path_factory.mktemp("unruly")
    with subprocess.Popen([*strace, sys.executable, "-c", script], cwd=folder) as process:
        assert process.wait(timeout=60) == 0
    _wait_for_the_end(path, process.pid)
    return Trace(path), folder


def test_every_system_call_is_one_that_the_unit_allows(watched, program):
    unit, trace, _ = watched

    assert len(trace.names()) > 30
    assert trace.names() - unit.system_calls(program("systemd-analyze")) == set()


def test_a_system_call_that_the_unit_refuses_would_be_found(unruly, program):
    refused = unruly[0].names() - Unit(SERVICE).system_calls(program("systemd-analyze"))

    # What Python's functions are for the kernel differs between machines.
    assert "sched_setaffinity" in refused
    assert refused & {"chown", "fchownat"}


def test_every_socket_is_of_a_family_that_the_unit_allows(watched):
    unit, trace, _ = watched

    assert trace.families() <= unit.address_families()


def test_a_socket_of_another_family_would_be_found(unruly):
    assert unruly[0].families() == {"AF_NETLINK"}


def test_no_memory_is_ever_writable_and_executable(watched):
    assert watched[1].mapped_writable_and_executable() == []


def test_memory_that_is_both_would_be_found(unruly):
    assert len(unruly[0].mapped_writable_and_executable()) == 1


def test_nothing_is_written_outside_the_data_folder(watched):
    _, trace, data_dir = watched
    inside = [path for path in trace.written() if path.is_relative_to(data_dir)]
    outside = set(trace.written()) - set(inside)

    assert inside
    # ProtectSystem=strict leaves /dev as it is: semaphores are there, without a name.
    assert {path for path in outside if path.parent != Path("/dev/shm")} <= {Path("/dev/null")}


def test_what_is_written_elsewhere_would_be_found(unruly):
    trace, folder = unruly

    assert {folder / name for name in ("opened", "made", "renamed")} <= {
        folder / path for path in trace.written()
    }


def test_the_web_server_may_read_what_is_served_though_all_else_is_private(served):
    assert Unit(SERVICE)["UMask"] == "0077"
    _, data_dir = served
    stored = [path for path in (data_dir / "Storage").rglob("*") if path.is_file()]
    previews = list((data_dir / "Previews").glob("*.jpeg"))

    assert stored
    assert previews
    assert {stat.S_IMODE(path.stat().st_mode) for path in stored + previews} == {0o644}
    for path in [*stored, *previews]:
        folders = [folder for folder in path.parents if folder.is_relative_to(data_dir)]
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o755}
    assert stat.S_IMODE((data_dir / ".uploadsvc").stat().st_mode) == 0o600


def test_the_service_says_that_it_is_ready_when_it_can_be_reached(tmp_path, monkeypatch):
    assert Unit(SERVICE)["Type"] == "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with running_service(tmp_path, threads=8, disk_floor=0) as service:
            said = listener.recv(4096).decode().splitlines()
            answer = fetch(f"{service.url}/healthz")

    assert "READY=1" in said
    assert answer.status == 200
