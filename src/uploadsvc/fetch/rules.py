"""
What a list of allowed or blocked places says.

An entry is a host, a `host:port`, a network in CIDR notation, or one IP address; IPv6
before a port stands in brackets. A host is that host alone, not those below it. An entry
that is none of these stops the start.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self

from uploadsvc.errors import BadInput, BadSettings
from uploadsvc.fetch.addresses import IPAddress, IPNetwork
from uploadsvc.fetch.hosts import parse_host

_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]+):(?P<port>[1-9][0-9]{0,4})", re.ASCII)


@dataclass(frozen=True)
class Rules:
    hosts: frozenset[str] = frozenset()
    places: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[IPNetwork, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """Raise `BadSettings`, naming the entry, for one that cannot be understood."""
        hosts: set[str] = set()
        places: set[tuple[str, int]] = set()
        networks: list[IPNetwork] = []
        for entry in entries:
            network, place = _network(entry), _HOST_AND_PORT.fullmatch(entry)
            if network is not None:
                networks.append(network)
            elif place is not None and int(place["port"]) <= 65535:
                places.add((_host(place["host"], entry), int(place["port"])))
            else:
                hosts.add(_host(entry, entry))
        return cls(frozenset(hosts), frozenset(places), tuple(networks))

    def name(self, host: str) -> bool:
        return host in self.hosts

    def name_place(self, host: str, port: int) -> bool:
        return (host, port) in self.places

    def hold(self, address: IPAddress) -> bool:
        return any(address in network for network in self.networks)


def _network(entry: str) -> IPNetwork | None:
    bare = entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry
    try:
        return ip_network(bare)
    except ValueError:
        return None


def _host(text: str, entry: str) -> str:
    try:
        return parse_host(text)
    except BadInput as error:
        raise BadSettings(f"{entry!r} is no host, host:port or network") from error
