"""The upload middleware under gunicorn and Apache, with several processes that share a folder."""

import hashlib
import json
import os
import socket
from contextlib import contextmanager

import pytest

from clients import answer_of, fetch, file_form
from waiting import eventually
from wsgi_servers import running_gunicorn, running_mod_wsgi

pytestmark = pytest.mark.live

LIMIT = 4 << 20

SCRIPT = """
import hashlib
import json
import os
from pathlib import Path

from uploadsvc.tracking import TrackedUploads
from uploadsvc.web.watched import upload_middleware

folder = Path(FOLDER)


def site(environ, start_response):
    told = {}
    if "uploadsvc.upload" in environ:
        data = Path(environ["uploadsvc.upload"].get_filename()).read_bytes()
        told = json.loads(environ["wsgi.input"].read())
        told["sha256"] = hashlib.sha256(data).hexdigest()
    answer = json.dumps(told).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]


watched = upload_middleware(site, TrackedUploads(folder), max_request=4 << 20)


def application(environ, start_response):
    def start(status, headers, *more):
        return start_response(status, [*headers, ("X-Process", str(os.getpid()))], *more)

    return watched(environ, start)
"""


@pytest.fixture(scope="module", params=["gunicorn", "apache"])
def server(request, program):
    if request.param == "gunicorn":
        running = running_gunicorn(SCRIPT)
    else:
        running = running_mod_wsgi(program("apache2"), SCRIPT)
    with running as started:
        yield started


@pytest.fixture
def identifier():
    """An identifier that no other test has."""
    return os.urandom(16).hex()


@contextmanager
def beginning(server, identifier, body, *, kind, sent, length=None):
    """An upload of which only so much has been sent."""
    length = len(body) if length is None else length
    head = (
        f"POST /upload?X-Progress-ID={identifier} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head.encode() + body[:sent])
        yield connection


def status(server, identifier):
    return fetch(f"{server.url}/upload/status?X-Progress-ID={identifier}").json


def answers(server, identifier, *, processes):
    """Statuses by the process that told them; asks until so many processes have."""
    told = {}

    def enough():
        answer = fetch(f"{server.url}/upload/status?X-Progress-ID={identifier}")
        told[answer.headers["X-Process"]] = answer.json
        return len(told) >= processes

    assert eventually(enough)
    return told


def kept(server):
    return [path.name for path in server.folder.iterdir() if path.suffix != ".json"]


def json_of(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


DATA = os.urandom(2_000_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


def test_other_processes_tell_how_far_an_upload_is_while_it_is_held_halfway(server, identifier):
    kind, body = file_form(DATA)
    half = len(body) // 2
    with beginning(server, identifier, body, kind=kind, sent=half) as connection:
        # What servers hand out in pieces of 64 KB is one of them behind.
        assert eventually(lambda: status(server, identifier)["received"] > half - (1 << 17))
        halfway = answers(server, identifier, processes=2)
        connection.sendall(body[half:])
        answer = answer_of(connection)
    done = answers(server, identifier, processes=3)

    assert {each["state"] for each in halfway.values()} == {"uploading"}
    assert {each["size"] for each in halfway.values()} == {len(body)}
    assert all(half - (1 << 17) < each["received"] <= half for each in halfway.values())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json_of(answer)["sha256"] == DIGEST
    assert {each["state"] for each in done.values()} == {"done"}
    assert {each["received"] for each in done.values()} == {len(body)}


def test_an_upload_in_chunks_has_no_size_and_comes_whole(server, identifier):
    kind, body = file_form(DATA)
    head = (
        f"POST /upload?X-Progress-ID={identifier} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head.encode())
        for start in range(0, len(body), 300_000):
            piece = body[start : start + 300_000]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        assert eventually(lambda: status(server, identifier)["received"] > 1_000_000)
        between = status(server, identifier)
        connection.sendall(b"0\r\n\r\n")
        answer = json_of(answer_of(connection))

    assert (between["state"], between["size"]) == ("uploading", None)
    assert (answer["state"], answer["size"], answer["received"]) == ("done", None, len(body))
    assert answer["sha256"] == DIGEST


def test_a_client_that_goes_away_makes_an_error_and_nothing_is_kept(server, identifier):
    before = kept(server)
    kind, body = file_form(DATA)
    with beginning(server, identifier, body, kind=kind, sent=1_000_000):
        assert eventually(lambda: status(server, identifier)["state"] == "uploading")

    assert eventually(lambda: status(server, identifier)["state"] == "error")
    assert status(server, identifier)["error"]
    assert kept(server) == before
    assert "Traceback" not in server.log.read_text()


def test_what_is_too_large_finds_its_answer_however_much_it_goes_on_to_send(server, identifier):
    kind, _ = file_form(b"")
    body = b"x" * (LIMIT + 1)
    with beginning(server, identifier, body, kind=kind, sent=len(body)) as connection:
        answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"the upload is larger than 4194304 bytes" in answer
    assert status(server, identifier)["state"] == "error"


def test_a_second_upload_replaces_the_first_that_still_runs(server, identifier):
    kind, body = file_form(DATA)
    with beginning(server, identifier, body, kind=kind, sent=1_000_000) as connection:
        assert eventually(lambda: status(server, identifier)["received"] > 500_000)
        before = kept(server)
        second = fetch(
            f"{server.url}/upload?X-Progress-ID={identifier}",
            method="POST",
            data=file_form(b"second")[1],
            headers={"Content-Type": kind},
        )
        connection.sendall(body[1_000_000:])
        first = answer_of(connection)

    assert second.json["sha256"] == hashlib.sha256(b"second").hexdigest()
    assert first.startswith(b"HTTP/1.1 409 ")
    assert status(server, identifier)["state"] == "done"
    assert len(kept(server)) == len(before)


def test_an_upload_that_runs_is_cleared_by_another_process(server, identifier):
    before = kept(server)
    kind, body = file_form(DATA)
    with beginning(server, identifier, body, kind=kind, sent=1_000_000) as connection:
        assert eventually(lambda: status(server, identifier)["received"] > 500_000)
        cleared = fetch(f"{server.url}/upload?clear&X-Progress-ID={identifier}")
        connection.sendall(body[1_000_000:])
        answer = answer_of(connection)

    assert cleared.json == {"success": True}
    assert answer.startswith(b"HTTP/1.1 409 ")
    assert status(server, identifier)["state"] == "starting"
    assert kept(server) == before


def test_an_upload_whose_process_is_killed_is_an_error_to_all_others(server, identifier):
    kind, body = file_form(DATA)
    with beginning(server, identifier, body, kind=kind, sent=1_000_000) as connection:
        assert eventually(lambda: status(server, identifier)["received"] > 500_000)
        for pid in server.processes():
            server.kill(pid)
        connection.shutdown(socket.SHUT_WR)
        answer = answer_of(connection)
    assert eventually(lambda: fetch(f"{server.url}/").status == 200)
    told = status(server, identifier)

    assert not answer.startswith(b"HTTP/1.1 200 ")
    assert (told["state"], told["error"]) == ("error", "the upload was interrupted")
    assert told["received"] > 500_000
