"""
Who asks, by which name and over what: believed from a trusted proxy, checked from all.

`X-Forwarded-For`, `-Host` and `-Proto` count only when the peer is a trusted proxy; of a
chain of addresses the last one that is no trusted proxy is the client. A Host that is no
host name is refused, since it goes into links.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from uploadsvc.errors import BadInput, BadSettings

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_UNIX = "unix"


class TrustedProxies:
    def __init__(self, names: Sequence[str]) -> None:
        """`names` are addresses, networks, or `unix`. Raise `BadSettings` for others."""
        self._unix = _UNIX in names
        try:
            self._networks = [
                ipaddress.ip_network(name, strict=False) for name in names if name != _UNIX
            ]
        except ValueError as error:
            raise BadSettings(f"trusted_proxies: {error}") from error

    def __contains__(self, peer: str) -> bool:
        # A peer on a unix socket has no address.
        if not peer:
            return self._unix
        address = _address(peer)
        return address is not None and any(address in network for network in self._networks)


def behind_proxies(app: WSGIApplication, *, trusted: Sequence[str] = ()) -> WSGIApplication:
    """Wrap an application so that its environ tells the client, host and scheme truly."""
    proxies = TrustedProxies(trusted)

    def told(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("REMOTE_ADDR", "") in proxies:
            _believe(environ, proxies)
        host = environ.get("HTTP_HOST")
        if host is None and environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
            # RFC 9112 3.2; only HTTP/1.0 clients may leave it out.
            raise BadInput("the request has no Host")
        if host is not None and not _HOST.fullmatch(host):
            raise BadInput("the Host of the request is malformed")
        return app(environ, start_response)

    return told


def _believe(environ: WSGIEnvironment, proxies: TrustedProxies) -> None:
    scheme = _last(environ, "HTTP_X_FORWARDED_PROTO").lower()
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    if host := _last(environ, "HTTP_X_FORWARDED_HOST"):
        environ["HTTP_HOST"] = host
    for told in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        address = _address(told.strip())
        if address is None:
            break
        environ["REMOTE_ADDR"] = str(address)
        if str(address) not in proxies:
            break


def _last(environ: WSGIEnvironment, variable: str) -> str:
    # The last one was added by the proxy next to us, the only one we know.
    return str(environ.get(variable, "")).rpartition(",")[2].strip()


@lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # How an IPv4 peer looks to a server that listens on `::`.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
