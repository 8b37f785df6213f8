"""
One GET of one picture: redirects followed, sizes and times bounded, errors in our words.

Sent is what is written here and nothing else: no cookies, no credentials, no referrer,
nothing out of the environment.
"""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import httpcore

from uploadsvc import __version__
from uploadsvc.errors import SourceFailed, SourceTooSlow, TooLarge
from uploadsvc.fetch.answers import REDIRECTS, announced_bytes, check_answer, redirection
from uploadsvc.fetch.backend import Dial, GuardedBackend, dial
from uploadsvc.fetch.deadline import Deadline
from uploadsvc.fetch.guard import Guard
from uploadsvc.fetch.resolver import Resolve, ask_system
from uploadsvc.fetch.urls import RemoteUrl

LOOP_HEADER = "Uploadsvc-Fetch"
"""Sent with every fetch, so that a service that is asked by itself can tell and refuse."""

_AGENT = f"uploadsvc/{__version__}"


class Fetcher:
    """Fetches remote pictures; one may be used by many threads at once."""

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        block: Sequence[str] = (),
        max_bytes: int = 20_000_000,
        seconds: float = 10,
        connect_seconds: float = 5,
        max_redirects: int = 3,
        resolve: Resolve = ask_system,
        dial: Dial = dial,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """
        `seconds` is for everything, from the first look-up to the last byte of the last
        redirect; `connect_seconds` for each look-up and connection, and for each TLS
        handshake. Raise `BadSettings` for entries of `allow` and `block` that make no sense.
        """
        self._guard = Guard(allow=allow, block=block, resolve=resolve)
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._connect_seconds = connect_seconds
        self._max_redirects = max_redirects
        self._dial = dial
        self._trust = trust

    def check(self, address: str) -> None:
        """Raise what `fetch` would raise before it connects; connect to nothing."""
        url = RemoteUrl.parse(address)
        limit = Deadline.after(min(self._seconds, self._connect_seconds))
        self._guard.admit(url.host, url.port, limit)

    def fetch(self, address: str, into: BinaryIO) -> None:
        """
        GET the address; write its body, in pieces, to `into`.

        Raise `BadInput` for what is no URL, `NotAllowed` where the rules forbid it,
        `Missing` for the source's 404 and 410, `TooLarge`, `SourceTooSlow`, and
        `SourceFailed` for all else. Part of a body may have been written by then.
        """
        url = RemoteUrl.parse(address)
        deadline = Deadline.after(self._seconds)
        for _ in range(self._max_redirects + 1):
            onward = self._get(url, into, deadline)
            if onward is None:
                return
            url = onward
        raise SourceFailed("the source of the picture redirects too often")

    def _get(self, url: RemoteUrl, into: BinaryIO, deadline: Deadline) -> RemoteUrl | None:
        """Make one request; return where it redirects to, or None when the body was written."""
        with self._response(url, deadline) as response:
            if response.status in REDIRECTS:
                return redirection(url, response)
            check_answer(response)
            self._write_body(response, into)
            return None

    @contextmanager
    def _response(self, url: RemoteUrl, deadline: Deadline) -> Iterator[httpcore.Response]:
        request = httpcore.Request(
            "GET",
            httpcore.URL(
                scheme=url.scheme.encode(),
                host=url.host.encode(),
                port=url.port,
                target=url.target.encode(),
            ),
            headers=_request_headers(url),
            extensions={"timeout": {"connect": self._connect_seconds}},
        )
        with httpcore.HTTPConnection(
            request.url.origin,
            # One for each connection: the client changes it, which threads must not share.
            ssl_context=self._trust() if url.scheme == "https" else None,
            network_backend=GuardedBackend(self._guard, deadline, self._dial),
        ) as connection:
            with _in_our_words():
                response = connection.handle_request(request)
            yield response

    def _write_body(self, response: httpcore.Response, into: BinaryIO) -> None:
        too_large = TooLarge(f"the picture is larger than {self._max_bytes} bytes")
        announced = announced_bytes(response)
        if announced is not None and announced > self._max_bytes:
            raise too_large
        received = 0
        for chunk in _chunks(response):
            received += len(chunk)
            if received > self._max_bytes:
                raise too_large
            into.write(chunk)


def _request_headers(url: RemoteUrl) -> list[tuple[str, str]]:
    return [
        ("Host", url.host_header),
        ("User-Agent", _AGENT),
        ("Accept", "image/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        (LOOP_HEADER, "1"),
    ]


def _chunks(response: httpcore.Response) -> Iterator[bytes]:
    with _in_our_words():
        yield from response.iter_stream()


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise SourceTooSlow("the source of the picture is too slow") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise SourceFailed("the source of the picture cannot be reached or breaks off") from error
