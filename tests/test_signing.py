"""Signatures: what was signed is right, and nothing else is."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.errors import BadSettings
from uploadsvc.signing import LENGTH, Signer

OLD, NEW = "o" * 32, "n" * 32
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


@pytest.mark.parametrize("keys", [[], [""], ["k" * 31], [NEW, "short"]])
def test_a_key_that_is_missing_or_could_be_guessed_is_refused(keys):
    with pytest.raises(BadSettings, match="signing_keys"):
        Signer(keys, purpose="size")


def test_a_key_of_32_characters_is_enough():
    assert Signer(["k" * 32], purpose="size").sign("a")
