"""
Which IP addresses are public.

The table is fixed here, not asked of the standard library, whose answers differ between
versions and call multicast, 6to4 and NAT64 global. It holds every entry of the IANA
special-purpose registries (RFC 6890 and its updates), also those that are reachable: no
picture lives there. Beyond it, an IPv6 address must be global unicast, 2000::/3, and one
that carries an IPv4 address is no better than what it carries.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network (RFC 791)
            "10.0.0.0/8",  # private use (RFC 1918)
            "100.64.0.0/10",  # shared by carriers (RFC 6598)
            "127.0.0.0/8",  # loopback (RFC 1122)
            "169.254.0.0/16",  # link local, metadata of clouds (RFC 3927)
            "172.16.0.0/12",  # private use (RFC 1918)
            "192.0.0.0/24",  # protocol assignments (RFC 6890)
            "192.0.2.0/24",  # documentation (RFC 5737)
            "192.31.196.0/24",  # AS112 (RFC 7535)
            "192.52.193.0/24",  # AMT (RFC 7450)
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
            "192.168.0.0/16",  # private use (RFC 1918)
            "192.175.48.0/24",  # AS112 (RFC 7534)
            "198.18.0.0/15",  # benchmarks (RFC 2544)
            "198.51.100.0/24",  # documentation (RFC 5737)
            "203.0.113.0/24",  # documentation (RFC 5737)
            "224.0.0.0/4",  # multicast (RFC 5771)
            "240.0.0.0/4",  # reserved, and broadcast (RFC 1112, RFC 8190)
            "168.63.129.16/32",  # not in the registry: the platform service of a large cloud
        ),
    )
)

_SPECIAL_V6 = tuple(
    map(
        IPv6Network,
        (
            "::/128",  # unspecified (RFC 4291)
            "::1/128",  # loopback (RFC 4291)
            "::/96",  # IPv4-compatible (RFC 4291)
            "::ffff:0:0/96",  # IPv4-mapped (RFC 4291)
            "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
            "64:ff9b:1::/48",  # NAT64 of one site (RFC 8215)
            "100::/64",  # discard (RFC 6666)
            "100:0:0:1::/64",  # dummy prefix (RFC 9780)
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID (RFC 2928)
            "2001:db8::/32",  # documentation (RFC 3849)
            "2002::/16",  # 6to4 (RFC 3056)
            "2620:4f:8000::/48",  # AS112 (RFC 7534)
            "3fff::/20",  # documentation (RFC 9637)
            "5f00::/16",  # segment routing (RFC 9602)
            "fc00::/7",  # unique local (RFC 4193)
            "fe80::/10",  # link local (RFC 4291)
            "fec0::/10",  # site local (RFC 3879)
            "ff00::/8",  # multicast (RFC 4291)
        ),
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291, section 2.4
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: how a network without IPv4 reaches all of it
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")

# RFC 5214, section 6.1: the interface identifier of ISATAP, with and without the universal bit.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def is_public(address: IPAddress) -> bool:
    """Whether anybody on the internet may be reached at this address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address.scope_id is not None or any(address in network for network in _SPECIAL_V6):
        return False
    if address not in _GLOBAL_UNICAST and address not in _NAT64:
        return False
    return all(is_public(inside) for inside in carried(address))


def carried(address: IPAddress) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address stands for, by whichever scheme."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or address in _TRANSLATED or address in _COMPATIBLE:
        found.append(_last_32_bits(address))
    if address in _NAT64_LOCAL:
        # RFC 6052, section 2.2: after a prefix of 48 bits, around the eighth byte; or at the end.
        found += [IPv4Address(address.packed[6:8] + address.packed[9:11]), _last_32_bits(address)]
    if int.from_bytes(address.packed[8:12], "big") in _ISATAP:
        found.append(_last_32_bits(address))
    return [inside for inside in found if inside is not None]


def parse_address(text: str) -> IPAddress | None:
    """Return the address that the text spells in its usual form, or None."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _last_32_bits(address: IPv6Address) -> IPv4Address:
    return IPv4Address(address.packed[12:])
