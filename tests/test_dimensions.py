"""What stored pictures are: asked of the decoders once, and remembered, good or bad."""

from dataclasses import replace

import pytest

from uploadsvc.dimensions import Dimensions
from uploadsvc.errors import Unavailable, Undecodable
from uploadsvc.failures import Failures
from uploadsvc.images import Facts, TooHeavy
from uploadsvc.sources import Sources, stored_source
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.memory import MemoryStorage

FACTS = Facts("image/png", 30, 40)


class Decoder:
    """A stand-in that counts what it is asked, and fails as told."""

    def __init__(self):
        self.seen = []
        self.error = None

    def probe(self, path):
        self.seen.append(path.read_bytes())
        if self.error:
            raise self.error
        return FACTS


@pytest.fixture
def decoder():
    return Decoder()


@pytest.fixture(params=["disk", "memory"])
def storage(request, data):
    return MemoryStorage() if request.param == "memory" else LocalStorage(data.storage)


@pytest.fixture
def failures(data):
    return Failures(data.previews)


@pytest.fixture
def sources(data, failures):
    return Sources(data.previews, fetch=lambda address, into: None, failures=failures)


@pytest.fixture
def dimensions(storage, sources, decoder, failures):
    return Dimensions(storage, sources, probe=decoder.probe, failures=failures)


def test_a_picture_is_measured_once(dimensions, storage, decoder):
    stored = storage.save("a.png", [b"pixels"])

    assert [dimensions.of(stored), dimensions.of(stored)] == [FACTS, FACTS]
    assert decoder.seen == [b"pixels"]


def test_another_file_is_another_picture(dimensions, storage, decoder):
    for data in (b"one", b"two"):
        dimensions.of(storage.save("a.png", [data]))

    assert decoder.seen == [b"one", b"two"]


def test_only_so_many_are_remembered(dimensions, storage, decoder):
    stored = storage.save("a.png", [b"pixels"])
    dimensions.of(stored)
    for size in range(1024):
        dimensions.of(replace(stored, size=1_000_000 + size))
    decoder.seen.clear()

    dimensions.of(stored)
    assert decoder.seen == [b"pixels"]


@pytest.mark.parametrize("error", [Undecodable("broken"), TooHeavy()])
def test_what_cannot_be_decoded_is_not_tried_again_for_a_while(dimensions, storage, decoder, error):
    stored = storage.save("a.png", [b"broken"])
    decoder.error = error
    for _ in range(3):
        with pytest.raises(type(error)):
            dimensions.of(stored)

    assert len(decoder.seen) == 1


def test_previews_know_of_a_broken_picture_and_not_of_one_that_is_heavy(
    dimensions, storage, decoder, sources
):
    """Another size may be easier."""
    broken, heavy = storage.save("a.png", [b"broken"]), storage.save("b.png", [b"heavy"])
    for stored, decoder.error in ((broken, Undecodable("broken")), (heavy, TooHeavy())):
        with pytest.raises(Undecodable):
            dimensions.of(stored)

    with pytest.raises(Undecodable):
        sources.check_failures(stored_source(storage, broken))
    sources.check_failures(stored_source(storage, heavy))


def test_decoders_that_are_busy_are_asked_again(dimensions, storage, decoder):
    stored = storage.save("a.png", [b"pixels"])
    decoder.error = Unavailable("no decoder was free in time")
    with pytest.raises(Unavailable):
        dimensions.of(stored)
    decoder.error = None

    assert dimensions.of(stored) == FACTS
