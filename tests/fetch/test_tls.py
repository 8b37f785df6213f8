"""Fetching over TLS: the name of the URL counts, and the deadline."""

import io
from itertools import count

import pytest

from fetch.servers import Upstream, answering, names, ok, redirect
from uploadsvc.errors import NotAllowed, SourceFailed, SourceTooSlow
from uploadsvc.fetch import Fetcher

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def secure(upstream, trust, host="pictures.test", seconds=10):
    place = f"{host}:{upstream.port}"
    resolve = names(**{host.replace(".", "_"): "127.0.0.1"})
    fetcher = Fetcher(allow=[place], resolve=resolve, trust=trust, seconds=seconds)
    fetcher.fetch(f"https://{place}/", into := io.BytesIO())
    return into.getvalue()


def test_tls_is_spoken_with_the_name_of_the_url(server_tls, trust):
    asked = []
    server_tls.sni_callback = lambda connection, name, context: asked.append(name)
    with Upstream(answering(ok(b"pixels")), tls=server_tls) as upstream:
        assert secure(upstream, trust) == b"pixels"

    assert asked == ["pictures.test"]


def test_a_certificate_for_another_name_is_refused(server_tls, trust):
    with (
        Upstream(answering(ok(b"pixels")), tls=server_tls) as upstream,
        pytest.raises(SourceFailed),
    ):
        secure(upstream, trust, host="other.test")

    assert upstream.requests == []


def test_a_certificate_that_nobody_trusts_is_refused(server_tls):
    with Upstream(answering(ok(b"pixels")), tls=server_tls) as upstream:
        place = f"pictures.test:{upstream.port}"
        fetcher = Fetcher(allow=[place], resolve=names(pictures_test="127.0.0.1"))
        with pytest.raises(SourceFailed):
            fetcher.fetch(f"https://{place}/", io.BytesIO())

        assert upstream.requests == []


def test_from_https_no_redirect_leads_to_http(server_tls, trust):
    with (
        Upstream(answering(redirect("http://pictures.test/")), tls=server_tls) as upstream,
        pytest.raises(NotAllowed),
    ):
        secure(upstream, trust)


def test_a_handshake_that_trickles_ends_with_the_deadline(trust):
    def trickle(head, stop):
        yield b"\x16\x03\x03\x40\x00"
        for _ in count():
            stop.wait(0.05)
            yield b"\x02"

    with Upstream(trickle, reads=False) as upstream, pytest.raises(SourceTooSlow):
        secure(upstream, trust, seconds=0.5)


def test_a_source_that_trickles_inside_tls_ends_with_the_deadline(server_tls, trust):
    def trickle(head, stop):
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        for _ in count():
            stop.wait(0.05)
            yield b"x"

    with Upstream(trickle, tls=server_tls) as upstream, pytest.raises(SourceTooSlow):
        secure(upstream, trust, seconds=0.5)


@pytest.mark.parametrize("reads", [True, False])
def test_a_handshake_that_is_reset_is_the_failure_of_the_source(reads, trust):
    with Upstream(answering(), reads=reads, resets=True) as upstream, pytest.raises(SourceFailed):
        secure(upstream, trust)
