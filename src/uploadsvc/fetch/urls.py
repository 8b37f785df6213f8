"""
Addresses of remote pictures, parsed once and strictly.

What is parsed here is what is checked, connected to and sent: no other part reads the
text again. Anything that two readers could understand differently is refused: control
characters, white space, backslashes, user names, odd ports, hosts in odd spellings.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urljoin

from uploadsvc.errors import BadInput, NotAllowed
from uploadsvc.fetch.hosts import parse_host

PORTS = {"http": 80, "https": 443}
"""The schemes that are spoken, with their own ports."""

LONGEST = 8000  # what RFC 9110, section 4.1, asks everyone to support

# RFC 3986, appendix B, with the authority required.
_URL = re.compile(
    r"(?P<scheme>[^:]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?:#.*)?"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_AUTHORITY = re.compile(
    r"(?P<host>\[[^\[\]]*\]|[^:\[\]]+)(?::(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)

# Controls, white space, backslash, lone surrogates. The last alternative becomes CR LF
# where software keeps the low byte of each character only; no language writes it.
_REFUSED = re.compile(r"[\x00-\x20\x7f-\xa0\s\\\ud800-\udfff]|\u010d\u010a")

# Everything else that RFC 3986 does not allow is percent-encoded.
_KEPT = "!$&'()*+,;=:@/?%[]~"


@dataclass(frozen=True)
class RemoteUrl:
    scheme: str
    host: str
    """As `parse_host` gives it."""
    port: int
    target: str
    """Path and query, in ASCII, as the request line carries them."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise `BadInput` for what is no URL, `NotAllowed` for a scheme that is not spoken."""
        if len(text) > LONGEST or _REFUSED.search(text):
            raise BadInput("the address is too long or holds characters that no URL may hold")
        scheme = _scheme(text)
        if scheme is None:
            raise BadInput("the address is not a complete URL")
        if scheme not in PORTS:
            raise NotAllowed("only http and https addresses may be fetched")
        parts = _URL.fullmatch(text)
        authority = parts and _AUTHORITY.fullmatch(parts["authority"])
        if not parts or not authority or "@" in parts["authority"]:
            raise BadInput("the address needs // and a host, and may not hold a user name")
        port = int(authority["port"] or PORTS[scheme])
        if port > 65535:
            raise BadInput("the address has no valid port")
        target = quote((parts["path"] or "/") + (parts["query"] or ""), safe=_KEPT)
        return cls(scheme, parse_host(authority["host"]), port, target)

    def join(self, reference: str) -> Self:
        """Return what a `Location` of this URL points at (RFC 3986, section 5.2)."""
        # Checked before it is joined: the standard library drops some of these silently.
        if _REFUSED.search(reference):
            raise BadInput("the redirect holds characters that no URL may hold")
        if _scheme(reference) is not None:
            return self.parse(reference)
        try:
            return self.parse(urljoin(str(self), reference))
        except ValueError as error:
            raise BadInput("the redirect is not a URL") from error

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.target}"


def _scheme(text: str) -> str | None:
    found = _SCHEME.match(text)
    return found[1].lower() if found else None
