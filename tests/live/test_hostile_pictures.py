"""Hostile pictures over HTTP: uploaded like any file, answered, and nobody is lost."""

import re
from urllib.parse import quote

import pytest

from clients import fetch, upload
from images import bombs, test_bombs, test_hostile
from servers import running_service

pytestmark = pytest.mark.live

# What the generators make, of each format that is read.
MADE = {
    **{name: make for name, (make, _) in test_hostile.CLASSES.items()},
    **{name: make for name, (make, _) in test_bombs.CLASSES.items()},
    **{f"{kind} that moves slowly": make for kind, make in test_bombs.SLOW.items()},
    "gif of large frames": bombs.gif_of_large_frames,
}


def test_every_hostile_picture_is_a_preview_or_a_422(tmp_path, corpus, some, figure, program):
    files = some(sorted(corpus("hostile-images").iterdir()), 20)
    pictures = [(file.name, file.read_bytes) for file in files] + list(MADE.items())
    trace = tmp_path / "started"
    strace = (
        program("strace"), "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=execve", "-o",
        str(trace),
    )  # fmt: skip
    statuses = []
    with running_service(
        tmp_path, wrapper=strace, decoders=1, decode_seconds=2, disk_floor=0
    ) as service:
        before = service.processes()[:2]
        for name, make in pictures:
            link = upload(service.url, make(), filename=quote(name)).json["link"]
            asked = f"{service.url}/getpreview?x=200&y=200&addr={quote(link, safe='')}"
            for accept in ("image/webp", "image/jpeg"):
                shown = fetch(asked, headers={"Accept": accept})
                statuses.append(shown.status)
                assert shown.status in (200, 422), name
        assert service.processes()[:2] == before
        log = service.log.read_text()
    started = set(re.findall(r'execve\("([^"]+)"', trace.read_text()))

    assert "Traceback" not in log
    assert "a decoder died" not in log
    assert all("/uploadsvc" in path or "/python" in path for path in started), started
    figure(
        "hostile pictures, all formats on, uploaded and asked for over HTTP",
        "all answered, no worker lost, no other program started",
        f"{len(pictures)} pictures: {statuses.count(200)} shown, {statuses.count(422)} refused,"
        f" {len(started)} programs: the service and its interpreter",
    )
