"""Unfinished uploads on a folder of their own, with a clock that the test sets."""

from datetime import UTC, datetime, timedelta

import pytest

from uploadsvc.storage.local import LocalStorage
from uploadsvc.tus import Asking, Uploads

DAY = timedelta(days=1)


class Clock:
    """What time it is for the uploads: now, and as much later as the test says."""

    def __init__(self):
        self.later = timedelta(0)

    def __call__(self):
        return datetime.now(UTC) + self.later


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(data, clock):
    """`make(**options)` are the uploads of one process; all of them share the folder."""

    def make(*, storage=None, **options):
        return Uploads(
            data.uploads,
            storage or LocalStorage(data.storage, keep=DAY),
            **{
                "keep": DAY,
                "keep_partial": timedelta(hours=1),
                "max_size": 100_000_000,
                "asking": Asking(data.state / "asked"),
                "patience": 0.5,
                "now": clock,
            }
            | options,
        )

    return make


@pytest.fixture
def uploads(make):
    return make()
