"""What must never be connected to, with canaries listening where it would lead."""

import io
import itertools
import socket
import urllib.error
import urllib.request
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from fetch.servers import PUBLIC, Upstream, names, redirect
from uploadsvc.errors import BadInput, NotAllowed, SourceFailed, UploadsvcError
from uploadsvc.fetch import Fetcher
from uploadsvc.fetch.backend import dial

CLAIMED = {
    "localhost": "127.0.0.1",
    "foo.localhost": "127.0.0.1",
    "lvh.me": "127.0.0.1",
    "169.254.169.254.nip.io": "169.254.169.254",
    "metadata": "169.254.169.254",
    "instance-data": "169.254.169.254",
    "gateway.docker.internal": "172.17.0.1",
}


def claimed(host, port):
    """Resolve the names of the list to what they claim; there are no others."""
    if host not in CLAIMED:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return [CLAIMED[host]]


def addresses(path):
    lines = path.read_text("ascii").splitlines()
    texts = [line.split("\t")[0] for line in lines if not line.startswith("url(")]
    return [text.encode("ascii").decode("unicode_escape") for text in texts]


def naive_target(address):
    """Where a usual filter lets a client go: None, or a host that is no private literal."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return None
    with suppress(ValueError):
        if ip_address(host).is_private:
            return None
    return host


def leads_to_loopback(host):
    with suppress(OSError, UnicodeError):
        # What the C library makes of a number, without asking anybody.
        found = socket.getaddrinfo(host, 80, flags=socket.AI_NUMERICHOST)
        address = ip_address(found[0][4][0])
        inside = getattr(address, "ipv4_mapped", None) or address
        return inside.is_loopback or inside.is_unspecified
    return CLAIMED.get(host) == "127.0.0.1"


def refuses(fetcher, address):
    """Whether it is refused for what it is; a connection that failed is none."""
    try:
        fetcher.fetch(address, io.BytesIO())
    except (BadInput, NotAllowed):
        return True
    except SourceFailed:
        return False
    return False


def test_no_forbidden_address_is_connected_to(corpus, canary, figure):
    vectors = addresses(corpus("ssrf") / "vectors.tsv")
    fetcher = Fetcher(resolve=claimed, dial=canary.dial)
    refused = [vector for vector in vectors if refuses(fetcher, vector)]

    figure(
        "forbidden addresses",
        "all of `vectors.tsv` refused, 0 connections",
        f"{len(refused)} of {len(vectors)} refused, {canary.hits} connections",
    )
    assert len(vectors) > 390
    assert refused == vectors
    assert canary.hits == 0


def test_nothing_forbidden_gets_past_the_check_either(corpus):
    fetcher = Fetcher(resolve=claimed)
    for vector in addresses(corpus("ssrf") / "vectors.tsv"):
        with pytest.raises((BadInput, NotAllowed)):
            fetcher.check(vector)


def test_a_usual_filter_lets_some_of_them_through(corpus, canary):
    vectors = addresses(corpus("ssrf") / "vectors.tsv")
    targets = [naive_target(vector) for vector in vectors]
    for target in targets:
        if target and leads_to_loopback(target):
            canary.connect()

    assert canary.hits >= 5


def test_addresses_that_are_public_pass(corpus, figure):
    controls = addresses(corpus("ssrf") / "allowed.tsv")
    fetcher = Fetcher(resolve=claimed)
    for control in controls:
        fetcher.check(control)

    figure("allowed controls", "all of `allowed.tsv` pass the check", f"{len(controls)} pass")
    assert len(controls) == 18


class Rebinding:
    """A name server whose answers change from one question to the next."""

    def __init__(self, *answers):
        self._answers = itertools.cycle(answers)

    def __call__(self, host, port):
        return [next(self._answers)]


def test_a_name_that_changes_its_address_leads_nowhere(canary, many, figure):
    rounds = many(50, 1000)
    resolve = Rebinding(PUBLIC, "127.0.0.1", PUBLIC, "::1")
    fetcher = Fetcher(resolve=resolve, dial=canary.dial)
    for _ in range(rounds // 2):
        # The first answer is public, and is the one that is dialled (and closed, here).
        with pytest.raises(SourceFailed):
            fetcher.fetch("http://rebinding.test/", io.BytesIO())
        with pytest.raises(NotAllowed):
            fetcher.fetch("http://rebinding.test/", io.BytesIO())
        # A check that passed binds nobody: what counts is the answer of the moment.
        fetcher.check("http://rebinding.test/")
        with pytest.raises(NotAllowed):
            fetcher.fetch("http://rebinding.test/", io.BytesIO())

    figure("DNS rebinding", "1,000 rounds: 0", f"{rounds} rounds: {canary.hits}")
    assert canary.hits == 0


def test_checking_and_then_connecting_by_name_is_led_astray(canary):
    resolve = Rebinding(PUBLIC, "127.0.0.1")

    [checked] = resolve("rebinding.test", 80)
    assert ip_address(checked).is_global
    [connected] = resolve("rebinding.test", 80)
    canary.dial(ip_address(connected), 80, 5).close()

    assert canary.hits == 1


def locations(canary, place):
    """Where redirects may try to lead, and what each must end as."""
    port, port6 = canary.port(), canary.port("::1")
    forbidden = [
        *(f"http://127.0.0.1:{port}/", f"//127.0.0.1:{port}/x", f"http://[::1]:{port6}/"),
        *("http://127.0.0.1/", "https://127.0.0.1/", "//localhost/", "http://foo.localhost:80/"),
        *("http://[::ffff:127.0.0.1]/", "file:///etc/passwd", f"gopher://127.0.0.1:{port}/_x"),
        *("data:image/png;base64,AA==", "ftp://127.0.0.1/"),
    ]
    bad_or_loops = [
        *("/loop", "loop", "?loop", "", f"http://{place}/loop", f"//{place}/loop", "http:/loop"),
        *(f"http://127.0.0.1:{port}@{place}/", f"http://{place}@127.0.0.1:{port}/"),
        *("http://127.1/", "http://2130706433/", "\\\\127.0.0.1\\x", "http://127.0.0.1\t/"),
    ]
    return dict.fromkeys(forbidden, NotAllowed) | dict.fromkeys(bad_or_loops, SourceFailed)


def test_no_redirect_leads_to_loopback(canary, many, figure):
    rounds = many(50, 1000)
    statuses = [301, 302, 303, 307, 308]
    upcoming = []

    with Upstream(lambda head, stop: [redirect(*upcoming[0])]) as redirector:
        expected = locations(canary, redirector.place)
        variants = itertools.cycle(itertools.product(statuses, expected))
        options = {"resolve": claimed, "dial": canary_or(redirector, canary)}
        fetcher = Fetcher(allow=[redirector.place], **options)
        for status, location in itertools.islice(variants, rounds):
            upcoming[:] = [(location, status)]
            with pytest.raises(UploadsvcError) as error:
                fetcher.fetch(redirector.url(), io.BytesIO())
            assert type(error.value) is expected[location]
        reached = canary.hits

        # What follows blindly, arrives.
        upcoming[:] = [(f"http://127.0.0.1:{canary.port()}/", 302)]
        with pytest.raises(OSError, match=r"closed|reset"):
            urllib.request.build_opener().open(redirector.url(), timeout=5)

    figure("redirects to loopback", "1,000 rounds: 0", f"{rounds} rounds: {reached}")
    assert reached == 0
    assert canary.hits == 1


def canary_or(upstream, canary):
    """Dial the upstream where it is meant, else what would be the canary."""

    def either(address, port, seconds):
        meant = port == upstream.port
        return (dial if meant else canary.dial)(address, port, seconds)

    return either


def test_proxies_and_passwords_of_the_environment_are_ignored(canary, tmp_path, monkeypatch):
    proxy = f"http://127.0.0.1:{canary.port()}"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv(name.upper(), proxy)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    with Upstream(lambda head, stop: [b"HTTP/1.1 200 OK\r\n\r\npixels"]) as upstream:
        Fetcher(allow=[upstream.place]).fetch(upstream.url(), into := io.BytesIO())
        with pytest.raises(OSError, match=r"closed|reset"):
            urllib.request.build_opener().open(upstream.url(), timeout=5)

    assert into.getvalue() == b"pixels"
    assert "authorization" not in upstream.requests[0].lower()
    assert canary.hits == 1


def test_a_name_on_loopback_must_be_allowed_with_its_port(canary):
    with Upstream(lambda head, stop: [b"HTTP/1.1 200 OK\r\n\r\npixels"]) as upstream:
        address = f"http://pictures.test:{upstream.port}/"
        resolve = names(pictures_test="127.0.0.1")
        with pytest.raises(NotAllowed):
            Fetcher(resolve=resolve).fetch(address, io.BytesIO())
        assert upstream.requests == []

        Fetcher(resolve=resolve, allow=[f"pictures.test:{upstream.port}"]).fetch(
            address, into := io.BytesIO()
        )

    assert into.getvalue() == b"pixels"
