"""
Decides where a fetch may connect to.

Ports 80 and 443, or a `host:port` that is allowed by name. A host is resolved once, and
refused if any of its addresses is neither public nor allowed. Blocked hosts and networks
are refused whatever else allows them. A refusal says nothing about what was found: the
service must not tell strangers what its network looks like.
"""

from collections.abc import Sequence

from uploadsvc.errors import BadSettings, NotAllowed
from uploadsvc.fetch.addresses import IPAddress, carried, is_public, parse_address
from uploadsvc.fetch.deadline import Deadline
from uploadsvc.fetch.resolver import Resolve, resolve_in_time
from uploadsvc.fetch.rules import Rules
from uploadsvc.fetch.urls import PORTS

REFUSAL = "that address may not be fetched"


class Guard:
    """Holds no state that changes; many threads may ask at once."""

    def __init__(self, *, allow: Sequence[str], block: Sequence[str], resolve: Resolve) -> None:
        """Raise `BadSettings` for an entry that cannot be understood."""
        self._allow = Rules.parse(allow)
        self._block = Rules.parse(block)
        if self._block.places:
            host, port = min(self._block.places)
            raise BadSettings(f"blocked are hosts and networks, not ports: {host}:{port}")
        self._resolve = resolve

    def admit(self, host: str, port: int, deadline: Deadline) -> tuple[IPAddress, ...]:
        """
        Return the addresses, one or more, at which this host may be connected to.

        Raise `NotAllowed` if one of them is forbidden, `SourceFailed` if there is none,
        `SourceTooSlow` if the resolver does not answer before the deadline.
        """
        allowed_place = self._allow.name_place(host, port)
        if self._block.name(host) or not (port in PORTS.values() or allowed_place):
            raise NotAllowed(REFUSAL)
        literal = parse_address(host)
        addresses = (literal,) if literal else resolve_in_time(self._resolve, host, port, deadline)
        trusted = allowed_place or self._allow.name(host)
        if not all(self._may_connect(address, trusted=trusted) for address in addresses):
            raise NotAllowed(REFUSAL)
        return addresses

    def _may_connect(self, address: IPAddress, *, trusted: bool) -> bool:
        if any(self._block.hold(each) for each in (address, *carried(address))):
            return False
        return trusted or self._allow.hold(address) or is_public(address)
