"""Bad file names: each file lies in a folder of its own, and its link gives it back."""

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from clients import BOUNDARY
from servers import running_service

pytestmark = pytest.mark.live

DEEP = "a/b/c/d/e/f/g/h/i/j/k/l"
OWN = [
    "../x",
    "../../../../../x.png",
    "..\\..\\x",
    "/etc/passwd",
    "/x",
    "C:\\Users\\me\\x.jpg",
    "\\\\host\\share\\x",
    "C:\\folder\\",
    "\\\\",
    "%2e%2e%2fx",
    "%00",
    "a\0b",
    "a\nb",
    "a\r\nX-Evil: 1\r\n\r\nb",
    'a"; filename="b',
    "a'b",
    "",
    ".",
    "..",
    " ",
    "con",
    "NUL.txt",
    "a:b",
    "a ",
    "a.",
    ".htaccess",
    "a#b?c;d&e=f%20+.jpg",
    "x" * 300 + ".jpg",
    "例" * 128 + ".jpg",
    "💩" * 100,
    "a\u202egpj.exe",
    "\u200b",
    "e\u0301.jpg",
    "\ufeffx.jpg",
    "\u2028x",
    "x" * 5000,
]


def sent_as(name):
    """The name as a browser writes it into a form; it escapes no more than this."""
    return name.replace(b'"', b"%22").replace(b"\r", b"%0D").replace(b"\n", b"%0A")


def send(connection, name, data, **headers):
    body = (
        f"--{BOUNDARY}\r\n".encode()
        + b'Content-Disposition: form-data; name="file1"; filename="%s"\r\n\r\n' % sent_as(name)
        + data
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    headers |= {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Accept": "application/json",
    }
    return connection.ask("POST", "/sendfile", body, headers)


def may_be_refused(name):
    """No file was chosen, no UTF-8, or a part's head over 4 KB."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return True
    return not name or len(sent_as(name)) > 4000


def is_plain(name):
    """Nothing about such a name gives reason to change it."""
    return re.fullmatch(rb"[a-z0-9_-]{4,60}\.[a-z0-9]+", name)


def naive_path(storage, name):
    """Where a service would write that joins what it is told."""
    return posixpath.normpath(posixpath.join(os.fsencode(storage), b"AbCdEfGh", name))


def exists(path):
    return b"\0" not in path and os.path.lexists(path)


@pytest.fixture(scope="module")
def deep_service(tmp_path_factory):
    """A service so deep in a folder that what climbs out of it is still found there."""
    folder = tmp_path_factory.mktemp("names") / DEEP
    folder.mkdir(parents=True)
    with running_service(folder, disk_floor=0) as service:
        yield service


def check(service, connection, names):
    """Upload a file under each of the names; return how many were taken, and refused."""
    plain = connection.get(send(connection, b"plain.bin", b"\0").json["link"]).headers.keys()
    top = service.data_dir.parents[DEEP.count("/") + 1]
    elsewhere = {naive_path(service.storage, name) for name in names}
    before, existed = set(top.rglob("*")), {path for path in elsewhere if exists(path)}
    kept = {}
    for number, name in enumerate(names):
        data = f"\0 the bytes of file {number}".encode()
        answer = send(connection, name, data)
        assert answer.status == 201 or (answer.status == 400 and may_be_refused(name)), name
        if answer.status != 201:
            continue
        stored, link = answer.json["name"], answer.json["link"]
        folder, _, last = link.partition("/Storage/")[2].partition("/")
        got = connection.get(link)

        assert re.fullmatch(r"[A-Za-z0-9]{8}", folder)
        assert unquote_to_bytes(last).decode() == stored
        assert not is_plain(name) or stored == name.decode()
        assert (got.status, got.body) == (200, data)
        assert got.headers.keys() == plain, "no name makes a header of its own"
        assert not any(re.search(r"[\r\n]", value) for value in got.headers.values())
        kept[service.storage / folder / stored] = data
    folders = {path.parent for path in kept}

    assert len(folders) == len(kept)
    assert set(top.rglob("*")) - before == kept.keys() | folders
    assert {path: path.read_bytes() for path in kept} == kept
    assert {path for path in elsewhere if exists(path)} == existed
    return len(kept), len(names) - len(kept)


def test_a_bad_name_stays_in_its_folder_and_its_link_gives_the_bytes(deep_service, connect):
    taken, refused = check(
        deep_service, connect(deep_service.port), [name.encode() for name in OWN]
    )

    assert taken > refused


def test_every_name_of_the_corpus_stays_in_its_folder(
    deep_service, connect, naughty_names, some, figure
):
    names = some(naughty_names, 10)
    taken, refused = check(deep_service, connect(deep_service.port), names)

    figure(
        "names",
        "none outside its folder, no 5xx, every link gives its bytes back",
        f"0 outside, 0 of 5xx, {taken} of {taken} links ({refused} are 400)",
    )
    assert taken > refused


def test_a_naive_service_writes_outside_or_breaks(tmp_path):
    storage = tmp_path / DEEP / "Storage"
    (storage / "AbCdEfGh").mkdir(parents=True)
    outside, broken = set(), set()
    for name in OWN:
        path = os.fsdecode(naive_path(storage, name.encode()))
        if not path.startswith(f"{storage}/AbCdEfGh/"):
            outside.add(name)
            continue
        try:
            Path(path).write_bytes(b"")
        except (OSError, ValueError):
            broken.add(name)

    assert {"../x", "/etc/passwd"} <= outside
    assert {"a\0b", "x" * 300 + ".jpg"} <= broken
