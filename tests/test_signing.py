"""Signatures: what was signed is right, and nothing else is."""

import hashlib
import random
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import ROOT
from uploadsvc.errors import BadSettings
from uploadsvc.signing import LENGTH, SHORTEST_KEY, Signer, check_key

OLD, NEW = "the key that signed until today..", "the key that signs from today on"
TEXTS = st.lists(st.text(max_size=20), max_size=4)


@pytest.fixture
def signer():
    return Signer([NEW], purpose="size")


@given(TEXTS)
def test_what_was_signed_is_right(fields):
    signer = Signer([NEW], purpose="size")

    assert signer.is_right(signer.sign(*fields), *fields)


@given(TEXTS, TEXTS)
def test_a_signature_is_right_for_the_same_fields_alone(fields, others):
    signer = Signer([NEW], purpose="size")

    assert signer.is_right(signer.sign(*fields), *others) is (fields == others)


def test_no_field_runs_into_the_next(signer):
    """Joined they are the same; a naive signature could not tell them apart."""
    one, other = ("200x100", "A"), ("200x10", "0A")

    def naive(*fields):
        return hashlib.sha256("".join(fields).encode()).hexdigest()

    assert naive(*one) == naive(*other)
    assert signer.sign(*one) != signer.sign(*other)


def test_a_signature_is_short_and_safe_in_a_url_and_of_more_than_128_bits(signer):
    signature = signer.sign("a")

    assert len(signature) == LENGTH == 24
    assert signature.replace("-", "").replace("_", "").isalnum()
    assert LENGTH * 6 >= 128


def test_no_altered_signature_is_accepted(signer, many, figure):
    count = many(2_000, 10_000)
    chance = random.Random(4)
    right = signer.sign("200x100", "A" * 34)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/%. "
    accepted = tried = 0
    while tried < count:
        altered = list(right)
        for _ in range(chance.randint(1, 3)):
            altered[chance.randrange(len(altered))] = chance.choice(alphabet)
        altered = "".join(altered)[: chance.choice([LENGTH, LENGTH, LENGTH, LENGTH - 1, 0])]
        if altered != right:
            tried += 1
            accepted += signer.is_right(altered, "200x100", "A" * 34)
    figure("altered signatures accepted", f"0 of {count}", accepted)

    assert accepted == 0


@pytest.mark.parametrize("ending", ["=", "==", "\n", " ", "\0", "é", "\ud800"])
def test_there_is_one_way_to_write_a_signature(signer, ending):
    right = signer.sign("a")

    assert not signer.is_right(right + ending, "a")
    assert not signer.is_right(right.lower(), "a")


def test_the_first_key_signs_and_all_of_them_verify():
    before, both = Signer([OLD], purpose="size"), Signer([NEW, OLD], purpose="size")
    after = Signer([NEW], purpose="size")

    assert both.sign("a") == after.sign("a") != before.sign("a")
    assert both.is_right(before.sign("a"), "a")
    assert not after.is_right(before.sign("a"), "a")
    assert both.all("a") == [after.sign("a"), before.sign("a")]


def test_a_signature_serves_one_purpose(signer):
    other = Signer([NEW], purpose="token")

    assert not other.is_right(signer.sign("a"), "a")


@pytest.mark.parametrize("keys", [[], [""], [NEW[:31]], [NEW, "short"]])
def test_a_key_that_is_missing_or_could_be_guessed_is_refused(keys):
    with pytest.raises(BadSettings, match="signing_keys"):
        Signer(keys, purpose="size")


def test_a_key_of_32_characters_is_enough():
    assert len(NEW) == 32
    assert Signer([NEW], purpose="size").sign("a")


@pytest.mark.parametrize(
    "key",
    [
        "k" * 32, "ab" * 20, "0123456789" * 4, "correct horse " * 3, " " * 40, "\0" * 40,
        "change-me-change-me-and-again-change", "CHANGEME-8f2c1d9b7a6e5f4c3d2b1a09",
        "a secret of 32 characters or more", "my-Pass-Word-is-longer-than-your-own",
        "this is the default key of the service", "an example of 32 characters, or more",
        "django-insecure-8f2c1d9b7a6e5f4c3d2b1a09", "replace this by what openssl rand gives",
    ],
)  # fmt: skip
def test_a_key_that_repeats_itself_or_is_an_example_is_refused(key):
    """Its length alone says that it is good."""
    assert len(key) >= SHORTEST_KEY

    with pytest.raises(BadSettings, match="signing_keys: one ") as error:
        Signer([NEW, key], purpose="size")
    assert key not in str(error.value)


def test_the_examples_of_our_own_documents_are_refused():
    texts = [path.read_text() for path in (*ROOT.glob("docs/*.md"), ROOT / "deploy/uploadsvc.toml")]
    lists = [found for text in texts for found in re.findall(r"signing_keys ?= ?\[(.+?)\]", text)]
    examples = [key for each in lists for key in re.findall(r'"([^"]*)"', each)]

    assert examples
    for key in examples:
        with pytest.raises(BadSettings):
            check_key(key)


def test_no_key_by_chance_is_refused(many):
    for _ in range(many(2_000, 20_000)):
        check_key(secrets.token_urlsafe(32))
        check_key(secrets.token_hex(16))


def test_the_complaint_names_the_setting_that_holds_the_key():
    with pytest.raises(BadSettings, match=r"^upload_keys: "):
        check_key("short", setting="upload_keys")
