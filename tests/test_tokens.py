"""Tokens: what was given out is good until its time, and nothing else ever is."""

import base64
import hashlib
import hmac
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.errors import NotAllowed
from uploadsvc.signing import LENGTH, Signer
from uploadsvc.tokens import Tokens

OLD, NEW = "the key that signed until today..", "the key that signs from today on"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
FIELDS = ("QgBmmQxG", "photo.jpg")
SENTENCE = "the token is not right, or its time is over"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/%. \n\0é"


def make(*keys, purpose="delete"):
    return Tokens(Signer(keys or [NEW], purpose=purpose))


class Naive:
    """What is often done: fields joined, cut short, decoded, and the time beside the signature."""

    def make(self, *fields, expires):
        return f"{int(expires.timestamp())}.{self._sign(fields)}"

    def check(self, token, *fields, now):
        _, _, signature = token.partition(".")
        given = base64.urlsafe_b64decode(signature.encode("ascii", "ignore") + b"==")
        if given[:4] != base64.urlsafe_b64decode(self._sign(fields))[:4]:
            raise NotAllowed(SENTENCE)

    def _sign(self, fields):
        mac = hmac.new(NEW.encode(), "".join(fields).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac.digest()[:18]).decode()


def accepts(tokens, token, *fields, now=NOW):
    try:
        tokens.check(token, *(fields or FIELDS), now=now)
    except NotAllowed as error:
        assert str(error) == SENTENCE  # noqa: PT017
        return False
    except ValueError:
        return False  # the naive one stumbles over some
    return True


def altered(right, count, seed=5):
    """So many texts that are nearly the right one."""
    chance = random.Random(seed)
    found = 0
    while found < count:
        text = list(right)
        for _ in range(chance.randint(1, 3)):
            match chance.randrange(4):
                case 0:
                    text[chance.randrange(len(text))] = chance.choice(ALPHABET)
                case 1:
                    text.insert(chance.randrange(len(text) + 1), chance.choice(ALPHABET))
                case 2:
                    del text[chance.randrange(len(text))]
                case 3:
                    one, other = chance.randrange(len(text)), chance.randrange(len(text))
                    text[one], text[other] = text[other], text[one]
        if (changed := "".join(text)) != right:
            found += 1
            yield changed


@given(st.lists(st.text(max_size=20), max_size=4))
def test_what_was_given_out_is_good(fields):
    tokens = make()

    tokens.check(tokens.make(*fields, expires=NOW + HOUR), *fields, now=NOW)


def test_a_token_is_safe_in_a_url_and_says_until_when_it_is_good():
    until, _, signature = make().make(*FIELDS, expires=NOW + HOUR).partition(".")

    assert int(until) == (NOW + HOUR).timestamp()
    assert len(signature) == LENGTH
    assert signature.replace("-", "").replace("_", "").isalnum()


def test_it_is_good_to_its_last_second_and_not_one_longer():
    tokens = make()
    token = tokens.make(*FIELDS, expires=NOW + HOUR)
    until = NOW + HOUR

    assert accepts(tokens, token, now=until - SECOND)
    assert accepts(tokens, token, now=until - timedelta(microseconds=1))
    assert not accepts(tokens, token, now=until)
    assert not accepts(tokens, token, now=until + SECOND)


def test_it_is_never_over_before_its_time():
    """What is a part of a second is rounded up."""
    tokens = make()
    until = NOW + timedelta(microseconds=1)
    token = tokens.make(*FIELDS, expires=until)

    assert accepts(tokens, token, now=until)
    assert not accepts(tokens, token, now=NOW + SECOND)


def test_no_altered_token_is_accepted(many, figure):
    count = many(2_000, 10_000)
    tokens = make()
    right = tokens.make(*FIELDS, expires=NOW + HOUR)
    accepted = sum(accepts(tokens, each) for each in altered(right, count))
    figure("altered tokens to delete accepted", f"0 of {count}", accepted)

    assert accepted == 0
    # The same texts, nearly right for a naive signer, get past it.
    naive = Naive()
    right = naive.make(*FIELDS, expires=NOW + HOUR)
    assert accepts(naive, right)
    assert any(accepts(naive, each) for each in altered(right, 2_000))


def test_no_bit_of_a_token_may_change():
    tokens, naive = make(), Naive()

    def flipped(token):
        data = token.encode()
        for at in range(len(data) * 8):
            changed = bytearray(data)
            changed[at // 8] ^= 1 << at % 8
            yield changed.decode("latin-1")

    right = tokens.make(*FIELDS, expires=NOW + HOUR)
    assert not any(accepts(tokens, each) for each in flipped(right))
    right = naive.make(*FIELDS, expires=NOW + HOUR)
    assert any(accepts(naive, each) for each in flipped(right))


@pytest.mark.parametrize(
    "fields",
    [
        ("QgBmmQxH", "photo.jpg"), ("QgBmmQxG", "photo.jpG"), ("QgBmmQxG", "photo.jp"),
        ("QgBmmQxGp", "hoto.jpg"), ("QgBmmQx", "Gphoto.jpg"), ("QgBmmQxGphoto.jpg", ""),
        ("QgBmmQxGphoto.jpg",), ("QgBmmQxG", "photo.jpg", ""), ("photo.jpg", "QgBmmQxG"), (),
        ("QgBmmQxG", "photo.jpg\0"), ("QgBmmQxG", "ｐhoto.jpg"),
    ],
)  # fmt: skip
def test_a_token_is_good_for_its_fields_alone(fields):
    tokens = make()
    token = tokens.make(*FIELDS, expires=NOW + HOUR)

    with pytest.raises(NotAllowed, match=SENTENCE):
        tokens.check(token, *fields, now=NOW)


def test_no_field_runs_into_the_next():
    """Nor into the time. A naive signer takes one for the other."""
    tokens, naive = make(), Naive()
    moved = ("QgBmmQx", "Gphoto.jpg")

    assert not accepts(tokens, tokens.make(*FIELDS, expires=NOW + HOUR), *moved)
    assert accepts(naive, naive.make(*FIELDS, expires=NOW + HOUR), *moved)


def test_nobody_gives_a_token_a_longer_life():
    tokens, naive = make(), Naive()
    longer = str(int((NOW + 2 * HOUR).timestamp()))

    def prolonged(token):
        return f"{longer}.{token.partition('.')[2]}"

    assert not accepts(tokens, prolonged(tokens.make(*FIELDS, expires=NOW + HOUR)))
    assert accepts(naive, prolonged(naive.make(*FIELDS, expires=NOW + HOUR)))


def test_a_time_that_runs_into_the_first_field_is_no_other_time():
    tokens = make()
    token = tokens.make("1x", expires=NOW + HOUR)
    until, _, signature = token.partition(".")

    assert not accepts(tokens, f"{until}1.{signature}", "x")


@pytest.mark.parametrize(
    "token",
    [
        "", ".", "x", "1.", f".{'-' * LENGTH}", f"1.{'-' * LENGTH}", f"1.{'A' * LENGTH}",
        f"{'9' * 12}.{'A' * LENGTH}", f"{'9' * 13}.{'A' * LENGTH}", f"{'9' * 5000}.{'A' * LENGTH}",
        f"-1.{'A' * LENGTH}", f"1e9.{'A' * LENGTH}", f"٣.{'A' * LENGTH}", f"inf.{'A' * LENGTH}",
        "é" * 34, "\ud800", "\0", "A" * 1_000_000, "None", "null", "true",
    ],
    ids=lambda token: ascii(token)[:20],
)  # fmt: skip
def test_what_is_no_token_is_refused_with_the_same_sentence(token):
    assert not accepts(make(), token)


def write(token):
    until, _, signature = token.partition(".")
    yield from (f" {token}", f"{token} ", f"{token}\n", f"{token}=", f"{token}==", f"{token}\0")
    yield from (f"0{token}", f"+{token}", f"{until}.0.{signature}", f"{until}..{signature}")
    yield from (f"{until}.{signature.swapcase()}", f"{until},{signature}", f"{until}.{signature}.")
    yield from (f"{until[:-1]}\N{FULLWIDTH DIGIT ZERO}.{signature}", f"{until}_0.{signature}")


def test_there_is_one_way_to_write_a_token():
    tokens = make()
    right = tokens.make(*FIELDS, expires=NOW + HOUR)

    assert [way for way in write(right) if accepts(tokens, way)] == []


def test_the_signature_of_no_token_at_all_is_never_tried():
    """What stands in for it would be good if a key gave that signature."""

    class Yes(Signer):
        def is_right(self, signature, *fields):
            return True

    assert not accepts(
        Tokens(Yes([NEW], purpose="delete")), "no token", now=NOW - 90 * 365 * 24 * HOUR
    )


def test_a_token_of_any_live_key_is_good_and_of_no_other():
    before, both, after = make(OLD), make(NEW, OLD), make(NEW)
    token = before.make(*FIELDS, expires=NOW + HOUR)

    assert accepts(both, token)
    assert accepts(after, both.make(*FIELDS, expires=NOW + HOUR))
    assert not accepts(after, token)


def test_a_token_serves_one_purpose():
    token = make(purpose="upload").make(*FIELDS, expires=NOW + HOUR)

    assert not accepts(make(), token)
    assert not accepts(
        make(), f"{token.partition('.')[0]}.{Signer([NEW], purpose='delete').sign(*FIELDS)}"
    )
