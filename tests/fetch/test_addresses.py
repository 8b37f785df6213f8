from ipaddress import IPv4Network, IPv6Address, ip_address

import pytest

from uploadsvc.fetch.addresses import carried, is_public

SPECIAL_V4 = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3
"""

FORBIDDEN_V6 = """
    :: ::1 ::8.8.8.8 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:0:8.8.8.8 ::ffff:0:127.0.0.1
    64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::8.8.8.8 64:ff9b:1:ffff::
    64:ff9b::1:0:0 100:: 100:0:0:1::1 2001::1 2001:0:1:1:1:1:80ff:fffe 2001:2::1 2001:4:112::1
    2001:10::1 2001:20::1 2001:30::1 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8::1
    2002:7f00:1:: 2002:808:808:: 2620:4f:8000::1 3fff::1 3fff:fff:ffff::1 5f00::1 fc00::1
    fd00:ec2::254 fd20:ce::254 fe80::1 febf::1 fec0::1 feff::1 ff02::1 ffff:ffff::1 4000::1 1::
    2a00:1450::5efe:127.0.0.1 2a00:1450::200:5efe:10.0.0.1
"""

PUBLIC_V6 = """
    2001:4860:4860::8888 2606:4700::1111 2001:200::1 2003::1 2620:4f:8001::1 3ffe::1 2a00:1450::1
    64:ff9b::8.8.8.8 2a00:1450::5efe:8.8.8.8
"""


@pytest.mark.parametrize("network", [IPv4Network(text) for text in SPECIAL_V4.split()], ids=str)
def test_a_special_network_is_not_public_from_its_first_address_to_its_last(network):
    assert not is_public(network[0])
    assert not is_public(network[-1])


@pytest.mark.parametrize("network", [IPv4Network(text) for text in SPECIAL_V4.split()], ids=str)
def test_its_neighbours_are_public_unless_they_are_special_themselves(network):
    special = [IPv4Network(other) for other in SPECIAL_V4.split()]
    neighbours = [network[0] - 1] if network[0] != ip_address("0.0.0.0") else []
    neighbours += [network[-1] + 1] if network[-1] != ip_address("255.255.255.255") else []

    for neighbour in neighbours:
        assert is_public(neighbour) != any(neighbour in other for other in special)


@pytest.mark.parametrize("text", FORBIDDEN_V6.split())
def test_ipv6_that_is_special_unallocated_or_carries_such_ipv4_is_not_public(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC_V6.split())
def test_other_ipv6_is_public(text):
    assert is_public(ip_address(text))


def test_an_address_with_a_zone_is_not_public():
    assert not is_public(IPv6Address("2606:4700::1111%eth0"))


def test_the_platform_address_of_a_cloud_is_not_public():
    assert not is_public(ip_address("168.63.129.16"))


def test_the_standard_library_alone_would_call_some_of_them_public():
    wrong = [text for text in FORBIDDEN_V6.split() if ip_address(text).is_global]

    assert len(wrong) > 5


@pytest.mark.parametrize(
    "text",
    [
        "::ffff:10.1.2.3",
        "::10.1.2.3",
        "::ffff:0:10.1.2.3",
        "2002:a01:203::",
        "64:ff9b::10.1.2.3",
        "64:ff9b:1:a01:2:300::",
        "64:ff9b:1::10.1.2.3",
        "2001:0:808:808:0:0:f5fe:fdfc",
        "2a00::5efe:10.1.2.3",
        "fe80::200:5efe:10.1.2.3",
    ],
)
def test_the_ipv4_inside_ipv6_is_found(text):
    assert ip_address("10.1.2.3") in carried(ip_address(text))
