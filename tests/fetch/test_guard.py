import socket
import subprocess
import sys
import threading

import pytest

from fetch.servers import PUBLIC, names
from uploadsvc.errors import BadSettings, NotAllowed, SourceFailed, SourceTooSlow
from uploadsvc.fetch import Fetcher
from uploadsvc.fetch.deadline import Deadline
from uploadsvc.fetch.resolver import ask_system

RESOLVE = names(
    public_test=PUBLIC, private_test="10.0.0.8", other_test="10.0.0.9", loopback_test="127.0.0.1"
)


def may_fetch(address, **options):
    options.setdefault("resolve", RESOLVE)
    try:
        Fetcher(**options).check(address)
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("address", "allow", "allowed"),
    [
        ("http://public.test/", [], True),
        ("https://public.test/", [], True),
        ("https://public.test:80/", [], True),
        ("http://public.test:8080/", [], False),
        ("http://private.test/", [], False),
        ("http://private.test/", ["private.test"], True),
        ("http://private.test/", ["PRIVATE.test"], True),
        ("https://private.test/", ["private.test"], True),
        ("http://private.test:8080/", ["private.test"], False),
        ("http://sub.private.test/", ["private.test"], None),
        ("http://other.test/", ["private.test"], False),
        ("http://private.test:8080/", ["private.test:8080"], True),
        ("http://private.test:8081/", ["private.test:8080"], False),
        ("http://private.test/", ["private.test:8080"], False),
        ("http://private.test/", ["private.test:80"], True),
        ("http://public.test:8080/", ["public.test:8080"], True),
        ("http://private.test/", ["10.0.0.8"], True),
        ("http://private.test/", ["10.0.0.0/24"], True),
        ("http://10.0.0.9/", ["10.0.0.0/24"], True),
        ("http://10.0.1.9/", ["10.0.0.0/24"], False),
        ("http://private.test:8080/", ["10.0.0.0/24"], False),
        ("http://127.0.0.1:8099/", ["127.0.0.1:8099"], True),
        ("http://[::1]:8099/", ["[::1]:8099"], True),
        ("http://[::1]:8099/", ["127.0.0.1:8099"], False),
        ("http://loopback.test:8099/", ["127.0.0.1:8099"], False),
        ("http://[::1]/", ["::1"], True),
        ("http://[::1]/", ["[::1]"], True),
        ("http://[fd00::1]/", ["fd00::/8"], True),
        ("http://[::ffff:10.0.0.8]/", ["10.0.0.8"], False),
    ],
)
def test_ports_80_and_443_of_public_hosts_and_what_is_allowed_one_by_one(address, allow, allowed):
    if allowed is None:
        with pytest.raises(SourceFailed):
            may_fetch(address, allow=allow)
    else:
        assert may_fetch(address, allow=allow) == allowed


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("http://public.test/", "public.test"),
        ("http://public.test/", PUBLIC),
        ("http://public.test/", "93.184.0.0/16"),
        ("http://[64:ff9b::93.184.216.34]/", PUBLIC),
        ("http://[2606:4700::1111]/", "2606::/16"),
    ],
)
def test_what_is_blocked_is_refused_though_it_is_public_and_allowed(address, block):
    assert may_fetch(address)
    assert not may_fetch(address, block=[block])
    assert not may_fetch(address, block=[block], allow=[block])


@pytest.mark.parametrize(
    "entry",
    [
        *(
            "",
            " ",
            "a b",
            "http://a.test/",
            "a.test/",
            "*.a.test",
            ".a.test",
            "a.test:0",
            "a.test:",
        ),
        *("a.test:http", "a.test:65536", "10.0.0.1/8", "10.0.0.0/33", "127.1", "0177.0.0.1", "u@a"),
        *("[::1", "[::1]:", "::1]:80", "[10.0.0.1]:80", "a,b"),
    ],
)
def test_an_entry_that_makes_no_sense_stops_the_start_and_is_named(entry):
    for option in ("allow", "block"):
        with pytest.raises(BadSettings, match=r"no host, host:port or network") as refusal:
            Fetcher(**{option: [entry]})
        assert repr(entry) in str(refusal.value)


def test_a_blocked_port_is_no_rule_and_is_named():
    with pytest.raises(BadSettings, match=r"a\.test:80"):
        Fetcher(block=["a.test:80"])


@pytest.mark.parametrize(
    "answers",
    [
        [PUBLIC, "127.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "::1"],
        ["2606:4700::1111", PUBLIC, "fe80::1%eth0"],
        [PUBLIC, "::ffff:127.0.0.1"],
    ],
)
def test_one_forbidden_answer_among_public_ones_is_enough(answers):
    assert may_fetch("http://mixed.test/", resolve=lambda host, port: [PUBLIC])
    assert not may_fetch("http://mixed.test/", resolve=lambda host, port: answers)


def test_a_refusal_says_nothing_about_what_was_found():
    with pytest.raises(NotAllowed) as refusal:
        Fetcher(resolve=RESOLVE).check("http://private.test/")

    assert str(refusal.value) == "that address may not be fetched"


@pytest.mark.parametrize("answers", [[], ["garbage"], [PUBLIC, "garbage"], ["127.1"]])
def test_a_name_without_good_answers_is_the_failure_of_the_source(answers):
    with pytest.raises(SourceFailed):
        Fetcher(resolve=lambda host, port: answers).check("http://a.test/")


def test_a_resolver_that_is_stuck_does_not_outlast_the_limit_for_connecting():
    let_go = threading.Event()

    def stuck(host, port):
        let_go.wait()
        return [PUBLIC]

    try:
        with pytest.raises(SourceTooSlow):
            Fetcher(resolve=stuck, connect_seconds=0.05).check("http://a.test/")
    finally:
        let_go.set()


def test_a_stuck_resolver_does_not_keep_the_process_from_ending():
    program = """if True:
        import threading
        from uploadsvc.errors import SourceTooSlow
        from uploadsvc.fetch import Fetcher
        never = threading.Event()
        try:
            Fetcher(resolve=lambda host, port: never.wait(), seconds=0.05).check("http://a.test")
        except SourceTooSlow:
            print("too slow")
    """
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20)

    assert ended.stdout == b"too slow\n"
    assert ended.returncode == 0


def test_a_fault_of_ours_in_the_resolver_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        Fetcher(resolve=lambda host, port: 1 / 0).check("http://a.test/")


def test_the_system_is_asked_and_each_address_is_given_once():
    # A numeric host: no question leaves the machine.
    assert ask_system("127.0.0.1", 80) == ["127.0.0.1"]
    assert ask_system("::1", 80) == ["::1"]
    with pytest.raises(socket.gaierror):
        ask_system("127.0.0.1.1", -1)


def test_a_deadline_counts_down_on_its_own_clock():
    now = [100.0]
    deadline = Deadline.after(10, clock=lambda: now[0])

    assert deadline.remaining() == 10
    assert deadline.within(3).remaining() == 3
    assert deadline.within(30) == deadline.within(None) == deadline
    now[0] += 9
    assert deadline.remaining() == 1
    now[0] += 1
    with pytest.raises(SourceTooSlow):
        deadline.remaining()
