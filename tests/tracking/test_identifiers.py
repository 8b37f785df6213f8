"""Identifiers: whoever has a key knows its own again, and no other."""

import hashlib
import hmac
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.errors import BadSettings
from uploadsvc.tracking import Identifiers

OLD = "kMd0zW7nQv3xT9pLr2yBc5hGf8sJ1aEu"
NEW = "Yq4tV6wZ1rN8mXc2bK5jHg7fDs3aPo9i"
ALLOWED = string.ascii_letters + string.digits + ":-"


def sign(key, identifier):
    return hmac.new(key.encode(), identifier.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("keys", [[], [NEW], [NEW, OLD]])
def test_what_is_created_verifies(keys):
    identifiers = Identifiers(keys)
    created = {identifiers.create() for _ in range(100)}

    assert len(created) == 100
    assert all(identifiers.verify(each) for each in created)


def test_a_signed_identifier_is_the_plain_one_and_an_hmac_of_it():
    identifiers = Identifiers([NEW], new=lambda: "abc")

    assert identifiers.create() == f"abc:{sign(NEW, 'abc')}"


@pytest.mark.parametrize("identifier", ["1", "a:b", "-", ":", "123e4567-e89b", "x" * 200])
def test_without_a_key_the_page_makes_identifiers_up(identifier):
    assert Identifiers().verify(identifier)


@pytest.mark.parametrize(
    "identifier",
    ["", "x" * 201, "a b", "a\n", "a/b", "../a", "a.b", "a_b", "a\0", "é", "\ud800", "a%20", "①"],
)
@pytest.mark.parametrize("keys", [[], [NEW]])
def test_others_than_these_are_none(identifier, keys):
    assert not Identifiers(keys).verify(identifier)
    assert not Identifiers([NEW]).verify(f"{identifier}:{'0' * 64}")


def test_with_a_key_only_what_it_signed_counts():
    identifiers = Identifiers([NEW])

    assert identifiers.verify(f"a:b:{sign(NEW, 'a:b')}")
    for wrong in ("a", sign(NEW, "a"), f":{sign(NEW, '')}", f"b:{sign(NEW, 'a')}"):
        assert not identifiers.verify(wrong), wrong
    for wrong in (sign(OLD, "a"), sign(NEW, "a").upper(), sign(NEW, "a")[:-1], "0" * 64, ""):
        assert not identifiers.verify(f"a:{wrong}"), wrong


def test_an_identifier_that_was_signed_is_at_most_200_characters_long():
    identifiers = Identifiers([NEW])

    assert identifiers.verify(f"{'x' * 135}:{sign(NEW, 'x' * 135)}")
    assert not identifiers.verify(f"{'x' * 136}:{sign(NEW, 'x' * 136)}")


def test_the_first_key_signs_and_all_of_them_verify():
    before, both, after = Identifiers([OLD]), Identifiers([NEW, OLD]), Identifiers([NEW])
    old, new = before.create(), both.create()

    assert both.verify(old)
    assert after.verify(new)
    assert not after.verify(old)
    assert not before.verify(new)


@given(st.text(max_size=250))
def test_nothing_that_is_made_up_is_accepted_and_nothing_breaks(text):
    assert not Identifiers([NEW, OLD]).verify(text)


def altered(identifier, chance):
    """The identifier with a few characters changed, lost, added or swapped."""
    text = list(identifier)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text[at] = chance.choice(ALLOWED)
            case 1:
                text.insert(at, chance.choice(ALLOWED))
            case 2:
                text.pop(at)
            case _:
                text[at] = text[at].swapcase()
    return "".join(text)


def count_accepted(verify, identifiers, count):
    """How many of so many altered identifiers are accepted."""
    chance = random.Random(5)
    right = [identifiers.create() for _ in range(20)]
    accepted = tried = 0
    while tried < count:
        wrong = altered(chance.choice(right), chance)
        if wrong not in right:
            tried += 1
            accepted += verify(wrong)
    return accepted


def test_no_altered_identifier_is_accepted(many, figure):
    identifiers, count = Identifiers([NEW, OLD]), many(2_000, 10_000)
    accepted = count_accepted(identifiers.verify, identifiers, count)
    figure("altered identifiers of uploads accepted", f"0 of {count}", accepted)

    assert accepted == 0


def test_a_naive_check_accepts_some_of_these_altered_identifiers():
    """What only looks at the beginning of the signature, in any case, is taken in."""

    def naive(identifier):
        signed, _, signature = identifier.lower().rpartition(":")
        return signature[:8] == sign(NEW, signed)[:8]

    assert count_accepted(naive, Identifiers([NEW]), 2_000) > 0


@pytest.mark.parametrize(
    "key", ["", " ", "x" * 31, "k" * 32, "changeme" * 4, "secret" * 8, "ab" * 20, "0" * 64]
)
def test_a_key_that_could_be_guessed_stops_the_start(key):
    for keys in ([key], [NEW, key]):
        with pytest.raises(BadSettings, match=r"^upload_keys: ") as refused:
            Identifiers(keys)

        assert not key.strip() or key not in str(refused.value)
