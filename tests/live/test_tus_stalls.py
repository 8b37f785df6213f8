"""Requests that stand still: nobody waits long for them, and what they brought counts."""

import pytest

from clients import answer_of, fetch
from lossy import Deed, Fault, lossy
from servers import running_service
from tus_by_hand import create, go_on, head_of_patch, offset, patch, patching, some_bytes
from waiting import eventually

pytestmark = pytest.mark.live

SIZE = 300_000
DATA = some_bytes("stalls", SIZE, SIZE)
LAST = "Connection: close"
QUICKLY = 0.5  # seconds after which a client that says nothing is given up, where that is shown


@pytest.fixture
def quick(tmp_path):
    """A service that soon gives up a client that stands still, and the network before it."""
    settings = {"stall_timeout": f"{QUICKLY}s", "disk_floor": 0, "decoders": 1}
    with running_service(tmp_path, **settings) as service, lossy(service.port) as network:
        yield network, f"{network.url}/files/"


def test_a_request_that_stands_still_lets_go_as_soon_as_the_client_comes_again(
    front, network, endpoint
):
    upload = create(endpoint, SIZE)
    network.expect(Fault(SIZE // 2, Deed.STALL))
    with patching(upload, SIZE, 0) as stalled:
        stalled.sendall(DATA)
        assert eventually(lambda: network.struck)
        assert eventually(lambda: front.has_read_all())
        passed = SIZE // 2 - len(head_of_patch(upload, SIZE))

        # The first of these may come before the other one has the upload.
        assert eventually(lambda: offset(upload) == passed)
        assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA


def test_the_one_that_is_asked_to_let_go_is_told_so_and_keeps_what_it_has(front, endpoint):
    upload = create(endpoint, SIZE)
    with patching(upload, SIZE, 0, LAST) as holder:
        holder.sendall(DATA[:1000])
        assert eventually(lambda: front.has_read_all())

        assert info(upload)["offset"] == 0, "asking for this ends nothing"
        assert eventually(lambda: offset(upload) == 1000)
        assert b" 409 " in answer_of(holder).splitlines()[0]
    assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA


def info(upload):
    """What is told of an upload without asking anybody to let go of it."""
    return fetch(f"{upload}/info").json


def test_a_request_that_stands_still_for_too_long_is_told_so_and_all_is_kept(quick):
    _, endpoint = quick
    upload = create(endpoint, SIZE)
    with patching(upload, SIZE, 0) as slow:
        slow.sendall(DATA[:5000])
        answer = answer_of(slow)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert offset(upload) == 5000
    assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA


def test_of_a_client_that_vanishes_all_is_kept_when_it_is_given_up(quick):
    network, endpoint = quick
    upload = create(endpoint, SIZE)
    network.expect(Fault(SIZE // 2, Deed.STALL))
    with patching(upload, SIZE, 0) as gone:
        gone.sendall(DATA)
        passed = SIZE // 2 - len(head_of_patch(upload, SIZE))

        # Told without a request that would end the other one: the time is what ends it.
        assert eventually(lambda: info(upload)["offset"] == passed)
    assert go_on(upload, DATA) == 0


def test_a_slow_client_is_not_one_that_stands_still(quick):
    network, endpoint = quick
    network.rate = 20_000
    data = DATA[: 2 * int(QUICKLY * network.rate)]
    upload = create(endpoint, len(data))

    assert patch(upload, data, 0).status == 204
    assert fetch(upload).body == data
