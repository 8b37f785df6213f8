"""Hostile pictures over HTTP: uploaded like any file, answered, and nobody is lost."""

import re
from urllib.parse import quote

import pytest

from clients import fetch, upload
from servers import running_service

pytestmark = pytest.mark.live


def test_every_hostile_picture_is_a_preview_or_a_422(tmp_path, corpus, some, figure, program):
    files = some(sorted(corpus("hostile-images").iterdir()), 20)
    trace = tmp_path / "started"
    strace = (program("strace"), "-D", "-f", "-qq", "-e", "trace=execve", "-o", str(trace))
    statuses = []
    with running_service(
        tmp_path, wrapper=strace, decoders=1, decode_seconds=2, disk_floor=0
    ) as service:
        before = service.processes()[:2]
        for file in files:
            link = upload(service.url, file.read_bytes(), filename=file.name).json["link"]
            shown = fetch(f"{service.url}/getpreview?x=200&y=200&addr={quote(link, safe='')}")
            statuses.append(shown.status)
            assert shown.status in (200, 422), file.name
        assert service.processes()[:2] == before
        log = service.log.read_text()
    started = set(re.findall(r'execve\("([^"]+)"', trace.read_text()))

    assert "Traceback" not in log
    assert all("/uploadsvc" in path or "/python" in path for path in started), started
    figure(
        "hostile pictures, uploaded and asked for over HTTP",
        "all answered, no worker lost, no other program started",
        f"{statuses.count(200)} shown, {statuses.count(422)} refused, {len(started)} programs: "
        "the service and its interpreter",
    )
