"""What clients learn in JSON of an upload."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from uploadsvc.errors import LimitExceeded, Missing, Unavailable, Undecodable, Unsupported
from uploadsvc.images import Facts
from uploadsvc.links import Links
from uploadsvc.signing import Signer
from uploadsvc.storage.memory import MemoryStorage
from uploadsvc.tokens import Tokens
from uploadsvc.uploads import receive
from uploadsvc.web.answers import Answers

PATH, HERE = "/uploadfile/wsgi/Storage", "https://here.example:8443"
JPEG = bytes.fromhex("ffd8ffe000104a464946") + b"\0" * 20
TOKENS = Tokens(Signer(["the key that signs in these tests"], purpose="delete"))


def received(data=JPEG, name="a photo~1.jpg", **options):
    return receive(MemoryStorage(), name, [data], keep=timedelta(days=1), **options)


def portrait(stored):
    return Facts("image/jpeg", 300, 400)


def describe(upload, *, public_url="", requested=HERE, **options):
    links = Links(storage_path=PATH, public_url=public_url)
    return Answers(links, **options).describe(upload, requested=requested)


def test_all_of_it_for_a_picture():
    upload = received(hashed=True)
    told = describe(upload, tokens=TOKENS, probe=portrait)
    folder = upload.stored.key.folder
    link = f"{HERE}{PATH}/{folder}/a%20photo%7E1.jpg"
    address, token = told.pop("preview"), told.pop("delete")

    assert told == {
        "link": link,
        "name": "a photo~1.jpg",
        "size": len(JPEG),
        "type": "image/jpeg",
        "sha256": upload.sha256,
        "width": 300,
        "height": 400,
        "expires": f"{upload.expires:%Y-%m-%dT%H:%M:%SZ}",
    }
    assert address.startswith(f"{HERE}/getpreview?addr=https%3A%2F%2F")
    assert parse_qs(urlsplit(address).query) == {"addr": [link]}
    assert token.startswith(f"{HERE}/delete/{folder}/a%20photo%7E1.jpg?token=")


def test_the_token_is_good_for_this_file_and_for_as_long_as_it_lives():
    upload = received()
    [token] = parse_qs(urlsplit(describe(upload, tokens=TOKENS)["delete"]).query)["token"]
    key, second = upload.stored.key, timedelta(seconds=1)

    TOKENS.check(token, key.folder, key.name, now=upload.expires - second)
    for fields, now in [
        ((key.folder, "other.jpg"), upload.expires - second),
        ((key.folder, key.name), upload.expires + second),
    ]:
        with pytest.raises(Exception, match="the token is not right"):
            TOKENS.check(token, *fields, now=now)


def test_links_are_below_the_public_address_where_there_is_one():
    told = describe(received(), public_url="https://f.example/up", tokens=TOKENS, probe=portrait)

    for key, path in [("link", PATH), ("preview", "/getpreview?"), ("delete", "/delete/")]:
        assert told[key].startswith(f"https://f.example/up{path}"), key
    assert parse_qs(urlsplit(told["preview"]).query)["addr"] == [told["link"]]


def test_links_lead_to_where_the_endpoints_are_mounted():
    told = describe(
        received(), tokens=TOKENS, probe=portrait, preview_path="/thumb", delete_path="/media/rm"
    )

    assert told["preview"].startswith(f"{HERE}/thumb?addr=")
    assert told["delete"].startswith(f"{HERE}/media/rm/")


@pytest.mark.parametrize(
    "error",
    [
        Undecodable("broken"), Unsupported("no such format"), LimitExceeded("too many pixels"),
        Unavailable("all decoders are busy"), Missing("removed meanwhile"),
    ],
    ids=lambda error: error.code,
)  # fmt: skip
def test_of_a_picture_that_cannot_be_shown_only_that_is_left_out(error):
    def probe(stored):
        raise error

    upload = received()

    assert describe(upload, probe=probe) == describe(upload)
    assert {"width", "height", "preview"}.isdisjoint(describe(upload))


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"just text", "a.txt"), (b"just text", "a.jpg"), (b"ID3\x03", "a.mp3"), (b"", "a.png")],
)
def test_what_is_no_picture_is_not_given_to_the_decoders(data, name):
    asked = []
    told = describe(received(data, name), probe=asked.append)

    assert asked == []
    assert "preview" not in told


def test_what_nobody_knows_or_may_do_is_left_out():
    assert list(describe(received())) == ["link", "name", "size", "type", "expires"]


def test_the_response_says_the_link_twice_and_is_kept_nowhere():
    answers = Answers(Links(storage_path=PATH))
    upload = received()
    response = answers.respond(upload, requested=HERE)

    assert response.status_code == 201
    assert response.content_type == "application/json"
    assert response.json == answers.describe(upload, requested=HERE)
    assert response.headers["Location"] == response.json["link"]
    assert response.headers["Cache-Control"] == "no-store"


def test_expires_is_when_the_file_goes():
    upload = received(life=lambda: timedelta(minutes=10))
    told = datetime.fromisoformat(describe(upload)["expires"])

    assert abs(told - datetime.now(UTC) - timedelta(minutes=10)) < timedelta(seconds=5)
