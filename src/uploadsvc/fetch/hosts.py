"""
The host of a URL, in the one spelling that is resolved, compared and sent.

Names come out in ASCII and lower case (IDNA2008, RFC 5891), addresses in their canonical
form. An address has exactly one accepted spelling, because resolvers read many more
(127.1, 0177.0.0.1, 0x7f000001, full-width digits) than those who check them.
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from uploadsvc.errors import BadInput

LONGEST_NAME = 253  # RFC 1035, section 2.3.4, without the root's dot

# Letters, digits, hyphens (RFC 1123, section 2.1), and the underscore that real names hold.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)

# What resolvers would read as the last part of an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def parse_host(text: str) -> str:
    """
    Return the canonical host, IPv6 without brackets; raise `BadInput` when it is none.

    IPv6 comes in brackets, without a zone (RFC 6874). A name has no dot at its end.
    """
    if text.startswith("[") and text.endswith("]"):
        return _ipv6(text[1:-1])
    name = text.lower() if text.isascii() else _to_ascii(text)
    labels = name.split(".")
    if len(name) > LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise BadInput("the address has no valid host")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(name)
    if any(label.startswith("xn--") for label in labels):
        _check_punycode(name)
    return name


def _to_ascii(text: str) -> str:
    # Cheap things first: the encoder's work grows faster than the name.
    if len(text) > LONGEST_NAME:
        raise BadInput("the address has no valid host")
    try:
        # Strict: only "." parts labels; compatibility forms are refused, not mapped.
        return idna.encode(unicodedata.normalize("NFC", text.lower()), strict=True).decode("ascii")
    except UnicodeError as error:
        raise BadInput("the address has no valid host") from error


def _check_punycode(name: str) -> None:
    try:
        idna.decode(name, strict=True)
    except UnicodeError as error:
        raise BadInput("the address has no valid host") from error


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except AddressValueError as error:
        raise BadInput("an IPv4 address is four numbers with dots between") from error


def _ipv6(text: str) -> str:
    if "%" in text:
        raise BadInput("an IPv6 address may not name a zone")
    try:
        return str(IPv6Address(text))
    except AddressValueError as error:
        raise BadInput("the address has no valid host") from error
