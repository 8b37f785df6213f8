"""Decoders with the service's own limits, shared by the tests that only need one that works."""

import os
from time import monotonic

import pytest

from images.making import LIMIT, corners, encoded
from images.processes import workers
from servers import peak_memory
from uploadsvc.errors import Undecodable
from uploadsvc.images import Decoders, Recipe, Size, Variant

MEMORY = 300_000_000


@pytest.fixture
def make_decoders():
    """`make_decoders(seconds=1)` is a pool of its own; all are closed after the test."""
    made = []

    def make(*, workers=1, memory=MEMORY, seconds=20, max_pixels=LIMIT, queue=0):
        made.append(
            Decoders(
                workers=workers,
                memory=memory,
                seconds=seconds,
                recipe=Recipe(max_pixels=max_pixels),
                queue=queue,
            )
        )
        return made[-1]

    yield make
    for decoders in made:
        decoders.close()


@pytest.fixture(scope="module")
def decoders():
    """Two seconds a picture, as in the figures."""
    recipe = Recipe(max_pixels=LIMIT, animation_seconds=0.8)
    made = Decoders(workers=2, memory=MEMORY, seconds=2, recipe=recipe)
    yield made
    made.close()


@pytest.fixture
def answer(decoders, tmp_path):
    """
    `answer(file)`: the outcome, how long it took, and the most that any decoder held till then.

    The start of a decoder does not count: one that has drawn a small picture is waiting.
    """
    small = tmp_path / "small"
    small.write_bytes(encoded(corners(), "PNG"))

    def answer(file, format="auto"):
        variant = Variant(Size(320, 240), format)
        decoders.draw(small, variant)
        start = monotonic()
        try:
            outcome = decoders.draw(file, variant)
        except Undecodable as error:
            outcome = error
        return outcome, monotonic() - start, max(map(peak_memory, workers()), default=0)

    return answer


@pytest.fixture
def good(tmp_path):
    file = tmp_path / "good"
    file.write_bytes(encoded(corners(), "JPEG"))
    return file


@pytest.fixture
def endless(tmp_path):
    """A picture that never comes to an end: reading it waits for a writer."""
    file = tmp_path / "endless"
    os.mkfifo(file)
    return file
