"""The service under a real Apache with mod_wsgi, by the shipped configuration and scripts."""

import contextlib
import io
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from PIL import Image

from apache import STORAGE_PATH, command_line, running_apache
from clients import fetch, file_form, raw, upload
from waiting import eventually

pytestmark = pytest.mark.live

LIMIT = 300_000


@pytest.fixture(scope="module")
def apache(program):
    with running_apache(program("apache2"), max_upload=LIMIT, decoders=2) as server:
        yield server


def photo(*, side: int = 400) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 50).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def nothing_kept(apache, before: set[str]) -> bool:
    """Whether nothing has come into Storage, once what was going on has ended."""
    return eventually(lambda: set(os.listdir(apache.storage)) == before)


@pytest.mark.parametrize("platform", ["android", "ios"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with-length"])
def test_a_phone_gets_the_old_answer_and_the_contact_gets_the_file(
    apache, phone, platform, chunked
):
    data = photo()
    answer = phone.send(
        *("127.0.0.1", apache.port, "/sendfile?device=phone", platform, data),
        chunked=chunked,
        params=[("to", "juliet@capulet.example")],
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    link = re.search(rb"'(http://127\.0\.0\.1:\d+(\S+))'", body)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head + b"\r\n"
    assert re.fullmatch(STORAGE_PATH.encode() + rb"/[A-Za-z0-9]{8}/image\.jpg", link[2])
    assert body == (
        b"top.Ext.dispatch({controller:'Chat', action: 'upload_result', "
        b"args : ['%s', 'juliet@capulet.example']});" % link[1]
    )
    assert fetch(link[1].decode()).body == data


def test_previews_are_drawn_for_32_who_ask_at_once(apache):
    link = quote(apache.store(photo(), "photo.jpg"), safe="")
    sizes = [64 + 8 * (number % 8) for number in range(32)]
    with ThreadPoolExecutor(32) as clients:
        ask = [f"{apache.url}/getpreview?x={x}&y=999&addr={link}" for x in sizes]
        answers = list(clients.map(fetch, ask))

    assert {answer.status for answer in answers} == {200}
    assert [Image.open(io.BytesIO(answer.body)).size for answer in answers] == [
        (x, x) for x in sizes
    ]


def test_the_page_and_the_health_check_can_be_mounted_too(apache):
    assert fetch(apache.url).status == 200
    assert fetch(f"{apache.url}/healthz").body == b"ok\n"


def test_nothing_is_kept_of_a_body_that_ends_too_early(apache):
    before = set(os.listdir(apache.storage))
    kind, body = file_form(b"x" * 200_000)
    start = (
        "POST /sendfile HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: {kind}\r\n"
    ).encode()
    cut = start + b"Content-Length: %d\r\n\r\n" % len(body) + body[:100_000]
    chunk = b"%x\r\n" % len(body) + body + b"\r\n"
    chunks = start + b"Transfer-Encoding: chunked\r\n\r\n"
    broken = [cut, chunks + chunk, chunks + chunk[:50_000], chunks + chunk + b"nonsense\r\n\r\n"]
    answers = [raw(apache.port, request) for request in broken]

    assert not [answer for answer in answers if b" 200 " in answer[:20] or b" 201 " in answer[:20]]
    assert nothing_kept(apache, before)


def test_a_file_that_is_too_large_is_refused_in_words(apache):
    before = set(os.listdir(apache.storage))
    answers = [upload(apache.url, b"x" * size) for size in (LIMIT, LIMIT + 1, 40 * LIMIT)]

    assert [answer.status for answer in answers] == [201, 413, 413]
    assert [answer.json["code"] for answer in answers[1:]] == ["too-large"] * 2
    assert len(set(os.listdir(apache.storage)) - before) == 1


def test_the_cleaner_takes_what_is_old_and_its_link_is_dead(apache):
    old, young = (apache.store(photo(), f"{name}.jpg") for name in ("old", "young"))
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    for path in (apache.path(old), apache.path(old).parent):
        os.utime(path, (two_days_ago, two_days_ago))
    cleaned = apache.command("clean")

    assert cleaned.returncode == 0, cleaned.stderr
    assert f"removed Storage/{old.split('/')[-2]}" in cleaned.stdout
    assert (fetch(old).status, fetch(young).status) == (404, 200)


def test_a_reload_of_the_service_lets_running_uploads_end(apache):
    [before] = apache.service_processes()
    with half_sent(apache) as (running, rest):
        os.kill(before, signal.SIGUSR1)
        running.sendall(rest)
        answer = running.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert eventually(lambda: apache.is_replaced(before))
    assert upload(apache.url, b"after").status == 201


def test_a_graceful_restart_of_apache_loses_nothing_that_was_acknowledged(apache):
    [before] = apache.service_processes()
    links = [apache.store(b"x", f"{number}.txt") for number in range(5)]
    folders = set(os.listdir(apache.storage))
    with half_sent(apache) as (running, rest):
        apache.process.send_signal(signal.SIGUSR1)
        # Apache itself gives the service three seconds, and then cuts what is still coming.
        assert eventually(lambda: apache.is_replaced(before))
        with contextlib.suppress(OSError):
            running.sendall(rest)
        answer = running.recv(1 << 16)
    apache.command("clean")

    assert not answer.startswith(b"HTTP/1.1 2")
    assert set(os.listdir(apache.storage)) == folders
    assert {fetch(link).status for link in links} == {200}
    assert upload(apache.url, b"after").status == 201


def test_no_decoder_outlives_apache(program):
    with running_apache(program("apache2"), decoders=2) as apache:
        link = quote(apache.store(photo(), "photo.jpg"), safe="")
        assert fetch(f"{apache.url}/getpreview?addr={link}").status == 200
        processes = apache.processes()
        assert len([pid for pid in processes if "spawn_main" in command_line(pid)]) >= 1

    assert eventually(lambda: not any(command_line(pid) for pid in processes))


@contextlib.contextmanager
def half_sent(apache) -> Iterator[tuple[socket.socket, bytes]]:
    """An upload that the service is in the middle of, and what is left to send of it."""
    folders = set(os.listdir(apache.storage))
    kind, body = file_form(b"x" * 250_000)
    head = f"POST /sendfile HTTP/1.0\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", apache.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"\r\n" + body[:150_000])
        assert eventually(lambda: set(os.listdir(apache.storage)) != folders)
        yield connection, body[150_000:]
