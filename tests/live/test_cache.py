"""Whoever asks the service for all sizes of a picture fills the cache to its limit, no further."""

import contextlib
import threading

import pytest

from clients import fetch, upload
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.live

BLOCK = 4096
LIMIT = 60 * BLOCK
CLIENTS = 3


def on_disk(service):
    """Bytes that the previews take, as the disk sees it, without those on their way in."""
    total = 0
    for path in service.previews.glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


def ask_for_all_sizes(service, picture, number):
    """Ask for so many sizes, from several clients; return the answers and the most on disk."""
    link = upload(service.url, picture, filename="a.png").json["link"]
    statuses = []

    def ask(first):
        for side in range(first, number, CLIENTS):
            box = f"x={side % 97 + 1}&y={side // 97 + 1}"
            statuses.append(fetch(f"{service.url}/getpreview?addr={link}&{box}").status)

    clients = [threading.Thread(target=ask, args=(first,)) for first in range(CLIENTS)]
    for client in clients:
        client.start()
    most = 0
    while any(client.is_alive() for client in clients):
        most = max(most, on_disk(service))
    return statuses, max(most, on_disk(service))


def test_all_sizes_of_a_picture_are_answered_and_no_more_are_kept_than_the_limit(
    tmp_path, picture, many, figure
):
    number = many(200, 2000)
    with running_service(tmp_path, cache_max=LIMIT) as service:
        statuses, most = ask_for_all_sizes(service, picture, number)

        assert statuses == [200] * number
        assert LIMIT // 3 < most <= LIMIT + CLIENTS * BLOCK
        assert eventually(lambda: on_disk(service) <= LIMIT)
    figure(
        f"{number:,} sizes of a picture asked for over HTTP, cache_max {LIMIT:,}",
        "never more on the disk than the limit and one file a client",
        f"{most:,} at most",
    )


def test_without_a_limit_the_cache_grows_with_every_size(tmp_path, picture):
    with running_service(tmp_path, cache_max=0) as service:
        _, most = ask_for_all_sizes(service, picture, 100)

        assert most > 100 * BLOCK
