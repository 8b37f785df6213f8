"""A form, a form with progress, and tus: three ways in, one answer, one end."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from webtest import TestApp

from clients import file_form
from sized_pictures import jpeg
from uploadsvc import Settings, make_app

pytestmark = pytest.mark.live

JSON = {"Accept": "application/json"}
TUS = {"Tus-Resumable": "1.0.0"}
PICTURE = jpeg(300, 200)


@pytest.fixture
def client(tmp_path):
    return TestApp(make_app(Settings(data_dir=tmp_path / "data", disk_floor=0, decoders=1)))


def by_form(client, data, expires, path="/sendfile"):
    content_type, body = file_form(data, expires=expires)
    return client.post(path, body, headers=JSON | {"Content-Type": content_type}).json


def with_progress(client, data, expires):
    return by_form(client, data, expires, path="/upload?X-Progress-ID=4711")


def by_tus(client, data, expires, *, pieces=2):
    named = {"filename": "photo.jpg"} | ({"expires": expires} if expires else {})
    metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in named.items())
    begun = client.post(
        "/files/", headers=TUS | {"Upload-Length": str(len(data)), "Upload-Metadata": metadata}
    )
    path = f"/files/{begun.headers['Location'].rpartition('/')[2]}"
    step = -(-len(data) // pieces)
    for start in range(0, len(data), step):
        client.patch(
            path,
            data[start : start + step],
            headers=TUS
            | {"Upload-Offset": str(start), "Content-Type": "application/offset+octet-stream"},
            status=204,
        )
    return client.get(f"{path}/info").json


WAYS = {"form": by_form, "form with progress": with_progress, "tus": by_tus}


@pytest.fixture(params=WAYS)
def send(request, client):
    """`send(data, expires)` uploads a file, and returns what the client is told of it."""
    return lambda data=PICTURE, expires=None: WAYS[request.param](client, data, expires)


def path_of(link):
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def test_the_client_learns_the_same(send, client):
    told = send()
    links = {key: told[key] for key in ("link", "preview", "delete")}

    assert told == told | {
        "name": "photo.jpg",
        "size": len(PICTURE),
        "type": "image/jpeg",
        "sha256": hashlib.sha256(PICTURE).hexdigest(),
        "width": 300,
        "height": 200,
    }
    assert all(link.startswith("http://localhost/") for link in links.values())
    assert client.get(path_of(links["link"])).body == PICTURE
    assert client.get(path_of(links["preview"])).content_type == "image/jpeg"
    left = datetime.fromisoformat(told["expires"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)


def test_the_link_to_delete_removes_the_file_and_its_previews(send, client):
    told = send()
    client.get(path_of(told["preview"]))
    client.delete(path_of(told["delete"]), status=204)

    for key in ("link", "preview"):
        client.get(path_of(told[key]), status=404)


@pytest.mark.parametrize("in_words", [True, False])
def test_a_life_may_be_chosen(send, client, in_words):
    end = datetime.now(UTC) + timedelta(minutes=10)
    told = send(expires=end.isoformat() if in_words else "600")
    left = datetime.fromisoformat(told["expires"]) - datetime.now(UTC)

    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    caching = client.get(path_of(told["link"])).headers["Cache-Control"]
    assert 500 < int(caching.rpartition("=")[2]) <= 600


def test_a_life_is_never_longer_than_the_setting(send):
    told = send(expires=str(10 * 86400))
    left = datetime.fromisoformat(told["expires"]) - datetime.now(UTC)

    assert left <= timedelta(days=1)


def test_a_picture_that_cannot_be_read_is_kept_and_less_is_told_of_it(send, client):
    broken = PICTURE[:200]
    told = send(broken)

    assert {"width", "height", "preview"}.isdisjoint(told)
    assert client.get(path_of(told["link"])).body == broken
