"""Decoders with the service's own limits, shared by the tests that only need one that works."""

import pytest

from images.making import LIMIT
from uploadsvc.images import Decoders, Recipe

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
