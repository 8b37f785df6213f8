"""
Connects only to addresses that were checked, and keeps every wait under one deadline.

This is the whole network of the HTTP client: it has no other way out. The host is
resolved and judged here, the connection goes to an address out of that very answer, and
the socket is asked afterwards whom it reached.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address
from typing import Any

import httpcore

from uploadsvc.errors import NotAllowed
from uploadsvc.fetch.addresses import IPAddress, parse_address
from uploadsvc.fetch.deadline import Deadline
from uploadsvc.fetch.guard import REFUSAL, Guard

_PIECE = 1 << 18
"""Bytes that are asked for at once, and that may wait in the kernel: a picture comes in
fewer and larger pieces than the HTTP client would ask for, which costs half as much."""

Dial = Callable[[IPAddress, int, float], socket.socket]
"""Connects to address and port within so many seconds; raises `OSError`."""


def dial(address: IPAddress, port: int, seconds: float) -> socket.socket:
    """Connect by address alone: nothing here could resolve a name again."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.settimeout(seconds)
        # Before it connects: how much the other side may send ahead is agreed on then.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * _PIECE)
        connected.connect((str(address), port))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connected.close()
        raise
    return connected


class GuardedBackend(httpcore.NetworkBackend):
    def __init__(self, guard: Guard, deadline: Deadline, dial: Dial = dial) -> None:
        self._guard = guard
        self._deadline = deadline
        self._dial = dial

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolving and connecting take `timeout` seconds together, at most."""
        limit = self._deadline.within(timeout)
        addresses = self._guard.admit(host, port, limit)
        failure: OSError | None = None
        for tried, address in enumerate(addresses):
            # One dead address (often the IPv6 one) must not use up the time of the others.
            share = limit.remaining() / (len(addresses) - tried)
            try:
                connected = self._dial(address, port, share)
            except OSError as error:
                failure = error
                continue
            _check_peer(connected, address)
            return DeadlineStream(connected, self._deadline)
        if isinstance(failure, TimeoutError):
            raise httpcore.ConnectTimeout from failure
        raise httpcore.ConnectError from failure


class DeadlineStream(httpcore.NetworkStream):
    """A connected socket, plain or TLS, on which nothing outlasts the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._allow(timeout)
        try:
            return self._socket.recv(max(max_bytes, _PIECE))
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._allow(timeout)
        try:
            self._socket.sendall(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            self._allow(timeout)
            # One that was reset by now fails here: `wrap_socket` would leave its own socket open.
            self._socket.getpeername()
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError from error
        finally:
            # On success the descriptor has moved on, and this closes nothing.
            self._socket.close()
        return DeadlineStream(secured, self._deadline)

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        # The client asks this to learn which protocol TLS agreed on; only HTTP/1.1 is offered.
        return None

    def _allow(self, timeout: float | None) -> None:
        # recv, sendall and the handshake each hold this as the limit of the whole call.
        self._socket.settimeout(self._deadline.within(timeout).remaining())


def _check_peer(connected: socket.socket, address: IPAddress) -> None:
    try:
        reached = parse_address(connected.getpeername()[0])
    except OSError as error:
        connected.close()
        raise httpcore.ConnectError from error
    if reached != address:
        connected.close()
        raise NotAllowed(REFUSAL)
