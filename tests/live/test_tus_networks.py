"""Bad networks: whatever happens to an upload on its way, what arrived counts, and it goes on."""

import random
import socket

import pytest

from clients import answer_of, fetch
from lossy import Deed, Fault, Way, has_read_all
from servers import running_service
from tus_by_hand import (
    BROKEN,
    BYTES,
    VERSION,
    create,
    go_on,
    head_of_patch,
    offset,
    patch,
    patching,
    some_bytes,
)
from waiting import eventually

pytestmark = pytest.mark.live

SIZE = 300_000
LAST = "Connection: close"
DATA = some_bytes("networks", SIZE, SIZE)


def test_an_upload_on_a_good_network_is_whole_after_one_request(endpoint):
    upload = create(endpoint, SIZE)
    answer = patch(upload, DATA, 0)

    assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(SIZE))
    assert fetch(upload).body == DATA


def test_the_address_of_an_upload_is_right_where_the_client_came_in(endpoint):
    upload = create(endpoint, SIZE)

    assert upload.startswith(endpoint)
    assert offset(upload) == 0


def test_a_throttled_upload_comes_slowly_and_whole(network, endpoint):
    network.rate = 4 * SIZE
    upload = create(endpoint, SIZE)
    answer = patch(upload, DATA, 0)

    assert answer.status == 204
    assert fetch(upload).body == DATA


@pytest.mark.parametrize("deed", [Deed.RESET, Deed.CLOSE])
def test_after_a_cut_all_counts_that_has_passed(front, network, endpoint, deed):
    upload = create(endpoint, SIZE)
    network.expect(Fault(SIZE // 2, deed))
    with pytest.raises(BROKEN):
        send(upload, DATA)
    passed = SIZE // 2 - len(head_of_patch(upload, SIZE, 0, LAST))

    assert eventually(lambda: front.has_counted(offset(upload), passed))
    assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA


def send(upload, data):
    """A PATCH of which the head is known to the byte; return the answer."""
    with patching(upload, len(data), 0, LAST) as client:
        client.sendall(data)
        answer = answer_of(client)
    if not answer:
        raise ConnectionError("no answer")
    return answer


def test_of_a_body_in_chunks_all_counts_that_has_passed_too(front, endpoint):
    upload = create(endpoint, SIZE)
    with patching(upload, -1, 0, "Transfer-Encoding: chunked") as client:
        # A whole chunk, and a part of the next one.
        client.sendall(b"%x\r\n%s\r\n" % (5000, DATA[:5000]))
        client.sendall(b"%x\r\n%s" % (5000, DATA[5000:6000]))
        assert eventually(lambda: front.has_read_all())

    assert eventually(lambda: front.has_counted(offset(upload), 6000))
    assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA


def test_a_cut_in_the_head_of_a_request_changes_nothing(network, endpoint):
    upload = create(endpoint, SIZE)
    network.expect(Fault(50))
    with pytest.raises(BROKEN):
        send(upload, DATA)

    assert offset(upload) == 0
    assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA


def test_an_answer_that_is_lost_is_told_by_the_next(network, endpoint):
    upload = create(endpoint, SIZE)
    network.expect(Fault(0, Deed.RESET, Way.DOWN))
    with pytest.raises(BROKEN):
        patch(upload, DATA, 0)

    assert offset(upload) == SIZE
    assert fetch(upload).body == DATA


def test_bytes_that_are_sent_again_are_refused_with_the_right_offset(endpoint):
    upload = create(endpoint, SIZE)
    assert patch(upload, DATA[:1000], 0).status == 204
    again = patch(upload, DATA[:1000], 0)

    assert (again.status, again.headers["Upload-Offset"]) == (409, "1000")
    assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA


def test_a_removal_whose_answer_is_lost_has_happened(network, endpoint):
    upload = create(endpoint, SIZE)
    network.expect(Fault(0, Deed.CLOSE, Way.DOWN))
    with pytest.raises(BROKEN):
        fetch(upload, method="DELETE", headers=VERSION)

    assert fetch(upload, method="DELETE", headers=VERSION).status in (404, 410)


def test_more_than_was_promised_is_refused_before_all_of_it_has_come(endpoint):
    upload = create(endpoint, 10_000)
    with patching(upload, -1, 0, "Transfer-Encoding: chunked") as client:
        client.sendall(b"%x\r\n%s\r\n" % (100_000, DATA[:100_000]))
        answer = client.recv(1 << 16)

    assert b" 413 " in answer.splitlines()[0]
    assert offset(upload) <= 10_000
    assert go_on(upload, DATA[:10_000]) == 0
    assert fetch(upload).body == DATA[:10_000]


def test_an_upload_under_way_survives_the_end_of_the_service(tmp_path):
    settings = {"disk_floor": 0, "decoders": 1}
    with running_service(tmp_path, **settings) as service:
        upload = create(f"{service.url}/files/", SIZE)
        slow = socket.create_connection(("127.0.0.1", service.port), timeout=30)
        slow.sendall(head_of_patch(upload, SIZE) + DATA[:7000])
        assert eventually(lambda: has_read_all(service.port))
        service.process.terminate()
        slow.shutdown(socket.SHUT_WR)
        service.process.wait(timeout=60)
        slow.close()
    with running_service(tmp_path, **settings) as service:
        upload = f"{service.url}/files/{upload.rpartition('/')[2]}"

        assert offset(upload) == 7000
        assert go_on(upload, DATA) == 0
        assert fetch(upload).body == DATA


def a_bad_day(chance, size):
    """Faults of all kinds in any order, until the network is good again."""
    kinds = [
        (Deed.RESET, Way.UP),
        (Deed.CLOSE, Way.UP),
        (Deed.STALL, Way.UP),
        (Deed.RESET, Way.DOWN),
        (Deed.CLOSE, Way.DOWN),
    ]
    chosen = chance.choices(kinds, k=chance.randint(1, 5))
    return [
        Fault(chance.randrange(size // 2 if way is Way.UP else 300), deed, way)
        for deed, way in chosen
    ]


def test_uploads_on_bad_days_end_equal_to_their_source(network, endpoint, many, figure, request):
    uploads, equal = many(5, 100), 0
    for number in range(uploads):
        chance = random.Random(number)
        data = some_bytes(number, 10_000, SIZE)
        network.rate = chance.choice([0, 0, 3 * SIZE])
        upload = create(endpoint, len(data))
        network.expect(*a_bad_day(chance, len(data)))
        # A client that hears nothing for so long tries again: a stalled one hears nothing.
        go_on(upload, data, timeout=0.5)
        network.expect()

        assert fetch(upload).body == data
        equal += 1
    assert network.struck > uploads
    figure(
        f"throttled, cut, stalled, answers lost: through {request.node.callspec.id}",
        "all uploads end equal to their source",
        f"{equal} of {uploads}, {network.struck} times broken",
    )


def test_bytes_of_an_upload_that_the_creation_brings_are_not_lost_either(network, endpoint):
    headers = VERSION | BYTES | {"Upload-Length": str(SIZE)}
    network.expect(Fault(SIZE // 3))
    with pytest.raises(BROKEN):
        fetch(endpoint, method="POST", data=DATA, headers=headers)
    answer = fetch(endpoint, method="POST", data=DATA, headers=headers)

    assert (answer.status, answer.headers["Upload-Offset"]) == (201, str(SIZE))
