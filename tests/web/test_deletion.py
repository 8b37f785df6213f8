"""DELETE /delete/FOLDER/NAME: whoever was told the token takes the file down, and nobody else."""

import random
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from webtest import TestApp

from uploadsvc.errors import NotAllowed
from uploadsvc.links import Links, quote_name
from uploadsvc.removal import remove
from uploadsvc.signing import Signer
from uploadsvc.storage import Key
from uploadsvc.storage.memory import MemoryStorage
from uploadsvc.tokens import Tokens
from uploadsvc.uploads import receive
from uploadsvc.web.answers import Answers
from uploadsvc.web.deletion import deletion
from uploadsvc.web.dispatch import mount
from uploadsvc.web.errors import answer_errors

HERE = "http://localhost"
DAY = timedelta(days=1)
TOKENS = Tokens(Signer(["the key that signs in these tests"], purpose="delete"))


class Site:
    """Stored files, and the endpoint that deletes them."""

    def __init__(self, previews):
        self.storage = MemoryStorage()
        self.now = datetime.now(UTC)
        endpoint = deletion(
            partial(remove, self.storage, previews=previews), tokens=TOKENS, now=lambda: self.now
        )
        self.client = TestApp(answer_errors(mount({}, below={"/delete": endpoint})))

    def upload(self, name="photo.jpg"):
        """Store a file; return its key and the address to delete it by."""
        received = receive(self.storage, name, [b"pixels"], keep=DAY)
        answers = Answers(Links(storage_path="/s"), tokens=TOKENS)
        told = answers.describe(received, requested=HERE)
        return received.stored.key, told["delete"].removeprefix(HERE)

    def delete(self, address, status=None, method="DELETE", **headers):
        return self.client.request(address, method=method, status=status, headers=headers)

    @property
    def keys(self):
        return {stored.key for stored in self.storage}


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_the_file_goes_and_no_other(site):
    other, _ = site.upload()
    _, address = site.upload()
    answer = site.delete(address, status=204)

    assert site.keys == {other}
    assert answer.body == b""
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_file_that_is_gone_is_not_there(site):
    _, address = site.upload()
    site.delete(address, status=204)

    assert "there is no such file" in site.delete(address, status=404).text


@pytest.mark.parametrize(
    "name",
    ["a b+c.jpg", "ünï.jpg", "100%.jpg", "%2e%2e.jpg", "a;b&c=d?.jpg", "#1.jpg", "日本.png", ".x"],
)
def test_a_name_is_what_its_link_says(site, name):
    key, address = site.upload(name)
    assert quote_name(key.name) in address

    site.delete(address, status=204)
    assert site.keys == set()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS"])
def test_only_delete_deletes(site, method):
    _, address = site.upload()
    answer = site.delete(address, 405, method, **{"X-HTTP-Method-Override": "DELETE"})

    assert answer.headers["Allow"] == "DELETE"
    assert len(site.keys) == 1


REFUSAL = "the token is not right, or its time is over\n"


def refusals(site, key, address):
    """Each kind of wrong, for a file that is there."""
    path, _, query = address.partition("?")
    until, _, signature = query.removeprefix("token=").partition(".")
    for wrong in [
        "", "?", "?token", "?token=", "?token=x", f"?token={until}", f"?token=.{signature}",
        f"?token={until}.{signature[:-1]}", f"?token={until}.{signature}=",
        f"?token={until}.{signature[::-1]}", f"?token={int(until) + 1}.{signature}",
        f"?token={until}.{signature}&token=other", f"?Token={until}.{signature}",
        "?token=%ff", f"?token={until}.{signature}%00", f"?token=%20{until}.{signature}",
        f"?token={'9' * 5000}.{signature}", f"?token={'A' * 5000}", "?token=%C3%A9" * 3,
        "?" + "&".join(f"a{n}=1" for n in range(200)),
    ]:  # fmt: skip
        yield f"{path}{wrong}"
    _, others = site.upload()
    yield f"{path}?{others.partition('?')[2]}"
    yield f"/delete/{key.folder}/other.jpg?{query}"
    yield f"/delete/{key.folder}/{key.name}/?{query}"
    yield f"/delete/{key.folder}//{key.name}?{query}"
    yield f"/delete/{key.folder}?{query}"
    yield f"/delete?{query}"
    yield f"/delete/../{key.folder}/{key.name}?{query}"


def test_a_wrong_token_of_any_kind_is_refused_with_one_sentence(site):
    key, address = site.upload()

    for wrong in refusals(site, key, address):
        answer = site.delete(wrong, status=403)
        assert answer.text == REFUSAL, wrong
        assert answer.headers["Content-Length"] == str(len(REFUSAL))
    assert key in site.keys


def answers_without_a_token(client, key):
    """What is told of a file that is there, of one that is not, and of one that never can be."""
    for path in (f"{key.folder}/{key.name}", "AAAAAAAA/photo.jpg", "AAAA/.."):
        url = f"/delete/{path}?token=9999999999.{'A' * 24}"
        answer = client.delete(url, status="*")
        headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
        yield answer.status, answer.text, tuple(headers.items())


def test_whoever_has_no_token_does_not_learn_whether_there_is_such_a_file(site):
    key, _ = site.upload()

    [(status, _, _)] = set(answers_without_a_token(site.client, key))
    assert status == "403 Forbidden"


def test_whoever_looks_for_the_file_first_tells_it(site):
    """The negative control of the test above."""
    key, _ = site.upload()

    def naive(environ, start_response):
        _, _, folder, name = environ["PATH_INFO"].split("/")
        site.storage.find(Key(folder, name))
        raise NotAllowed("the token is not right")

    assert len(set(answers_without_a_token(TestApp(answer_errors(naive)), key))) > 1


@pytest.mark.parametrize(("seconds", "status"), [(-1, 204), (1, 403)])
def test_a_token_ends_when_the_file_does(site, seconds, status):
    _, address = site.upload()
    until = int(address.partition("token=")[2].partition(".")[0])
    site.now = datetime.fromtimestamp(until + seconds, tz=UTC)

    site.delete(address, status=status)


def test_no_altered_link_deletes_anything(site, many, figure):
    count = many(1_000, 10_000)
    chance = random.Random(6)
    key, address = site.upload()
    at = address.index("token=") + len("token=")
    deleted = tried = 0
    while tried < count:
        text = list(address)
        place = chance.randrange(at, len(text))
        text[place] = chance.choice("ABCDEFabcdef0123456789-_.~")
        if chance.random() < 0.3:
            text[at - 10 - chance.randrange(8)] = chance.choice("abcXYZ019")
        changed = "".join(text)
        if changed != address:
            tried += 1
            deleted += site.delete(changed, status="*").status_int == 204
    figure("altered links to delete accepted", f"0 of {count}", deleted)

    assert deleted == 0
    assert key in site.keys
