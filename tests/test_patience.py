"""Patience: a slow client is borne with, one that stands still is not."""

import contextlib
import socket
import threading

import pytest

from uploadsvc.errors import Unavailable
from uploadsvc.patience import BodyStalled, HeadTooSlow, PatientSocket
from uploadsvc.places import Places

WINDOW = 30


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def tcp():
    """`tcp()` is two ends of a new TCP connection: the server's and the client's."""
    with contextlib.ExitStack() as stack:

        def connect():
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            return listener.accept()[0], stack.enter_context(client)

        yield connect


@pytest.fixture
def ends(tcp, clock):
    server, client = tcp()
    with PatientSocket.of(server, window=WINDOW, clock=lambda: clock[0]) as patient:
        yield patient, client


def test_a_body_may_take_for_ever_if_each_window_brings_4_kb(ends, clock):
    server, client = ends
    server.expect_body()
    for _ in range(100):
        client.sendall(b"x" * 4096)
        clock[0] += WINDOW - 1
        received = 0
        while received < 4096:
            received += len(server.recv(4096 - received))

    assert clock[0] > 1000 + 50 * WINDOW


def test_a_body_that_only_trickles_has_stalled(tcp):
    server, client = tcp()
    # When the body is expected, then before and after each piece.
    times = iter([0, 0, 1, 1, 29, 29, 31])
    with PatientSocket.of(server, window=WINDOW, clock=lambda: next(times)) as patient:
        patient.expect_body()
        client.sendall(b"x" * 150)
        assert patient.recv(50) + patient.recv(50) == b"x" * 100

        with pytest.raises(BodyStalled):
            patient.recv(50)


def test_a_slow_disk_of_ours_is_not_held_against_the_client(tcp):
    server, client = tcp()
    times = iter([0, 0, 1, 100, 100, 101])
    with PatientSocket.of(server, window=WINDOW, clock=lambda: next(times)) as patient:
        patient.expect_body()
        client.sendall(b"x" * 100)

        assert patient.recv(50) + patient.recv(50) == b"x" * 100


def test_one_who_takes_little_at_a_time_needs_a_place(tcp):
    server, _ = tcp()
    places = Places(1, refusal="too many are slow")
    with PatientSocket.of(server, window=0.05, readers=places.one) as patient, places.one():
        patient.sendall(b"x")

        with pytest.raises(Unavailable):
            patient.sendall(b"x" * 10_000_000)


def test_a_body_of_which_nothing_comes_has_stalled(tcp):
    server, _ = tcp()
    with PatientSocket.of(server, window=0.05) as patient:
        patient.expect_body()

        with pytest.raises(BodyStalled):
            patient.recv(1)


def test_an_ordinary_socket_would_wait_for_ever(tcp):
    server, _ = tcp()
    with server:
        assert server.gettimeout() is None
        with pytest.raises(BlockingIOError):
            server.recv(1, socket.MSG_DONTWAIT)


def test_the_end_of_a_body_is_no_stall_however_late_it_comes(ends, clock):
    server, client = ends
    server.expect_body()
    client.shutdown(socket.SHUT_WR)
    clock[0] += 2 * WINDOW

    assert server.recv(10) == b""


def test_a_head_has_ten_seconds_however_steadily_it_comes(ends, clock):
    server, client = ends
    server.expect_head()
    client.sendall(b"G" * 40_000)
    assert server.recv(8192) == b"G" * 8192
    clock[0] += 11

    with pytest.raises(HeadTooSlow):
        server.recv(8192)


def test_with_a_timeout_of_its_own_it_is_an_ordinary_socket(ends):
    server, _ = ends
    server.expect_body()
    server.settimeout(0.01)

    with pytest.raises(TimeoutError) as stopped:
        server.recv(1)
    assert not isinstance(stopped.value, BodyStalled)


def taken_by(client, into):
    with contextlib.suppress(OSError):
        while piece := client.recv(1 << 16):
            into.extend(piece)


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
@pytest.mark.parametrize("how", ["sendall", "sendfile", "part of a file"])
def test_all_of_an_answer_is_sent(tcp, tmp_path, size, how):
    server, client = tcp()
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    received = bytearray()
    reader = threading.Thread(target=taken_by, args=(client, received))
    reader.start()
    with PatientSocket.of(server, window=WINDOW) as patient, (tmp_path / "file").open("w+b") as f:
        if how == "sendall":
            patient.sendall(data)
        elif how == "sendfile":
            f.write(data)
            f.flush()
            patient.sendfile(f)
        else:
            f.write(b"before" + data + b"after")
            f.flush()
            patient.sendfile(f, 6, size)
        counted = patient.file_bytes
    reader.join(timeout=60)

    assert received == data
    assert counted == (0 if how == "sendall" else size)


@pytest.mark.parametrize("how", ["sendall", "sendfile"])
def test_a_client_that_takes_nothing_is_left(tcp, tmp_path, how):
    server, _ = tcp()
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10_000_000)
    with PatientSocket.of(server, window=0.05) as patient, file.open("rb") as f:
        answer = f.read() if how == "sendall" else f

        with pytest.raises(BrokenPipeError):
            getattr(patient, how)(answer)


def test_a_client_that_takes_little_at_a_time_gets_all_of_it(tcp):
    server, client = tcp()
    received = bytearray()

    def take():
        pause = threading.Event()
        while piece := client.recv(30_000):
            received.extend(piece)
            # Longer than a window of the server's.
            pause.wait(0.02)

    reader = threading.Thread(target=take)
    reader.start()
    with PatientSocket.of(server, window=0.01) as patient:
        patient.sendall(b"x" * 200_000)
    reader.join(timeout=60)

    assert len(received) == 200_000


def test_a_file_that_becomes_shorter_ends_the_answer(tcp, tmp_path):
    server, _ = tcp()
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    with (
        PatientSocket.of(server, window=1) as patient,
        file.open("rb") as f,
        pytest.raises(BrokenPipeError),
    ):
        patient.sendfile(f, 0, 20)


def arrived(client):
    try:
        return client.recv(1 << 16, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None


def test_the_head_of_an_answer_goes_with_what_follows_it(ends):
    server, client = ends
    with server.answering():
        server.sendall(b"head ")
        before = arrived(client)
        server.sendall(b"body ")
        together = client.recv(100)
        server.sendall(b"more")

    assert before is None
    assert together == b"head body "
    assert client.recv(100) == b"more"


def test_a_head_that_nothing_follows_is_sent_all_the_same(ends):
    server, client = ends
    with server.answering():
        server.sendall(b"head")
    assert client.recv(100) == b"head"
    server.sendall(b"later")

    assert client.recv(100) == b"later"


def test_a_head_does_not_wait_until_more_is_read(ends):
    server, client = ends
    server.expect_body()
    client.sendall(b"the rest of a body")
    with server.answering():
        server.sendall(b"head")
        server.recv(100)

        assert client.recv(100) == b"head"


def test_a_head_is_forgotten_where_the_answer_breaks(ends):
    server, client = ends
    with contextlib.suppress(ConnectionError), server.answering():
        server.sendall(b"head")
        raise ConnectionError
    server.sendall(b"another answer")

    assert client.recv(100) == b"another answer"


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_head_goes_before_the_file_that_follows_it(tcp, tmp_path, size):
    server, client = tcp()
    file = tmp_path / "file"
    file.write_bytes(b"x" * size)
    received = bytearray()
    reader = threading.Thread(target=taken_by, args=(client, received))
    reader.start()
    with (
        PatientSocket.of(server, window=WINDOW) as patient,
        file.open("rb") as f,
        patient.answering(),
    ):
        patient.sendall(b"head")
        patient.sendfile(f)
    reader.join(timeout=60)

    assert received == b"head" + b"x" * size


def test_what_comes_within_a_moment_is_waited_for(ends):
    server, client = ends
    nothing = server.recv_at_hand(100, within=0.01)
    late = threading.Timer(0.01, client.sendall, [b"late"])
    late.start()
    something = server.recv_at_hand(100, within=60)
    client.shutdown(socket.SHUT_WR)

    assert (nothing, something) == (None, b"late")
    assert server.recv_at_hand(100, within=60) == b""


def test_after_a_short_wait_a_body_has_its_own_time_again(tcp):
    server, client = tcp()
    with PatientSocket.of(server, window=60) as patient:
        patient.recv_at_hand(1, within=0.001)
        patient.expect_body()
        late = threading.Timer(0.05, client.sendall, [b"late"])
        late.start()

        assert patient.recv(100) == b"late"


def test_it_waits_though_it_was_told_not_to(ends):
    server, client = ends
    server.expect_body()
    server.setblocking(False)
    late = threading.Timer(0.05, client.sendall, [b"late"])
    late.start()

    assert server.recv(100) == b"late"
    assert server.recv_at_hand(100) is None
