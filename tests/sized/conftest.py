"""Pictures by ID on a real disk, drawn in this process."""

import functools

import pytest

from sized_pictures import build_images, jpeg


@pytest.fixture
def make(data):
    """`make(open_sizes=…, keys=…, storage=…)` is what an installation has."""
    return functools.partial(build_images, data)


@pytest.fixture
def images(make):
    return make()


@pytest.fixture(scope="session")
def photo():
    """A JPEG of 640 x 480."""
    return jpeg()
