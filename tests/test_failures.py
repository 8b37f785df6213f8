"""Failures: remembered for a short while, and only when the whole note can be read."""

import json

import pytest

from uploadsvc.errors import SourceFailed, SourceTooSlow
from uploadsvc.failures import Failures

NOON = 1_800_000_000.0
NOTE = {"at": NOON, "code": "source-failed", "sentence": "the source answered 500"}


@pytest.fixture
def failures(tmp_path):
    """`failures(seconds=5)` are the failures as they are seen so much later."""
    return lambda *, seconds=0: Failures(tmp_path, seconds=60, now=lambda: NOON + seconds)


@pytest.fixture
def noted(tmp_path):
    """`noted(text)` is what somebody has left in place of a note on "key"."""
    return (tmp_path / "key.failed").write_bytes


def test_a_failure_is_raised_again_with_its_kind_and_sentence(failures):
    failures().remember("key", SourceTooSlow("the source took too long"))

    with pytest.raises(SourceTooSlow, match=r"^the source took too long$"):
        failures(seconds=59).check("key")


def test_a_failure_is_known_by_its_key_alone(failures):
    failures().remember("key", SourceFailed("no"))

    failures().check("other")


def test_a_note_as_it_is_here_is_believed(failures, noted):
    noted(json.dumps(NOTE).encode())

    with pytest.raises(SourceFailed, match=r"^the source answered 500$"):
        failures().check("key")


@pytest.mark.parametrize("seconds", [60, 100_000, -1])
def test_an_old_note_and_one_from_the_future_are_not_believed(failures, seconds):
    failures().remember("key", SourceFailed("no"))

    failures(seconds=seconds).check("key")


def test_half_a_note_is_not_believed(failures, noted):
    whole = json.dumps(NOTE).encode()
    for end in range(len(whole)):
        noted(whole[:end])

        failures().check("key")


@pytest.mark.parametrize(
    "note",
    [
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"at"',
        json.dumps(NOTE | {"at": "noon"}).encode(),
        json.dumps(NOTE | {"at": None}).encode(),
        json.dumps({"at": NOON, "code": "source-failed"}).encode(),
        json.dumps(NOTE | {"code": "no-such-code"}).encode(),
        json.dumps(NOTE | {"code": ["source-failed"]}).encode(),
    ],
)
def test_a_note_that_says_something_else_is_not_believed(failures, noted, note):
    noted(note)

    failures().check("key")


def test_a_failure_that_cannot_be_noted_is_forgotten(tmp_path):
    failures = Failures(tmp_path / "none")
    failures.remember("key", SourceFailed("no"))

    failures.check("key")
