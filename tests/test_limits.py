"""The bounds on what may hold a thread: set, or a share of the threads, and never all of them."""

import pytest

from uploadsvc.errors import BadSettings, Unavailable
from uploadsvc.limits import build_bounds
from uploadsvc.settings import Settings

BOUNDS = ("uploads", "downloads", "previews", "fetches")


def number_of(places) -> int:
    taken = 0
    while True:
        try:
            places.take()
        except Unavailable:
            return taken
        taken += 1


@pytest.mark.parametrize("threads", [8, 9, 20, 64, 160, 1700])
def test_whatever_the_number_of_threads_some_of_them_stay_free(threads):
    bounds = build_bounds(Settings(threads=threads))
    numbers = [number_of(getattr(bounds, name)) for name in BOUNDS]

    assert min(numbers) >= 1
    assert sum(numbers) + number_of(bounds.readers) + bounds.free == threads
    assert bounds.free >= 1


def test_the_defaults_have_room_for_500_slow_uploads_and_downloads_and_100_slow_sources():
    bounds = build_bounds(Settings())

    assert number_of(bounds.uploads) >= 500
    assert number_of(bounds.downloads) >= 500
    assert number_of(bounds.fetches) >= 100
    assert number_of(bounds.previews) > 100, "pictures of our own are drawn beside them"


def test_what_is_set_counts():
    settings = Settings(
        threads=20, uploads_at_once=1, downloads_at_once=2, previews_at_once=3, fetches_at_once=4
    )
    bounds = build_bounds(settings)

    assert [number_of(getattr(bounds, name)) for name in BOUNDS] == [1, 2, 3, 4]
    assert number_of(bounds.readers) + bounds.free == 10


def test_bounds_that_leave_no_thread_free_stop_the_start():
    with pytest.raises(BadSettings, match=r"threads: 64 must be more than .*uploads_at_once 60"):
        build_bounds(Settings(threads=64, uploads_at_once=60))
