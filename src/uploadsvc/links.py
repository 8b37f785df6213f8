"""
Links to stored files: how they are written, and how ours are told from others.

A link is the base of the site, the storage path, the folder, and the name with every
byte percent-encoded but letters, digits, `_`, `.` and `-`. It stands at the root of the
host, or below the path that the public base has; never below the application's own path.
"""

import os
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes, urlsplit

from uploadsvc.errors import BadInput, BadSettings, Missing
from uploadsvc.storage import Key

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OWN_HOSTS = "own_hosts must be like `host` or `host:port`"


class Links:
    def __init__(
        self, *, storage_path: str, public_url: str = "", own_hosts: Sequence[str] = ()
    ) -> None:
        """
        `storage_path` begins with a slash. `public_url` is the base of every link, with or
        without a path; empty: the base is that of the request. `own_hosts` are `host` or
        `host:port` that lead here too. Raise `BadSettings` for others than these.
        """
        self._storage_path = "/" + storage_path.strip("/")
        self._public_url = public_url.rstrip("/")
        self._own = {
            _known_site(f"{scheme}://{_host(host)}", _OWN_HOSTS)
            for host in own_hosts
            for scheme in _DEFAULT_PORTS
        }
        self._prefixes = {self._storage_path + "/"}
        if self._public_url:
            complaint = "public_url must be an http or https address"
            if not re.fullmatch(r"https?://[^\s?#]+", self._public_url):
                raise BadSettings(complaint)
            self._own.add(_known_site(self._public_url, complaint))
            self._prefixes.add(urlsplit(self._public_url).path + self._storage_path + "/")

    def base(self, requested: str) -> str:
        """Return the base of links; `requested` is the request's, like `https://host:port`."""
        return self._public_url or requested.rstrip("/")

    def link(self, key: Key, *, requested: str) -> str:
        """Return the link to a stored file."""
        return f"{self.base(requested)}{self._storage_path}/{key.folder}/{quote_name(key.name)}"

    def key(self, address: str, *, requested: str = "") -> Key | None:
        """
        Return the key that a link of ours leads to; None when it is none of ours.

        Raise `Missing` when it leads into our storage, but to nothing that could be there.
        """
        site = _site(address)
        if site is None or (site not in self._own and site != _site(requested)):
            return None
        parts = urlsplit(address)
        for prefix in self._prefixes:
            if parts.path.startswith(prefix):
                return key_of_path(parts.path.removeprefix(prefix))
        return None

    def key_of_link(self, link: str) -> Key:
        """Return the key in a link of any host, or in `FOLDER/NAME`; raise `Missing` if none."""
        _, found, rest = link.partition("://")
        # Only the path counts, so the host need not be one that can be parsed.
        path = "/" + re.split(r"[?#]", rest.partition("/")[2])[0] if found else link
        for prefix in sorted(self._prefixes, key=len, reverse=True):
            if prefix in path:
                return key_of_path(path.rpartition(prefix)[2])
        return key_of_path(path.lstrip("/"))


def quote_name(name: str) -> str:
    """Percent-encode every byte of a name but `A-Z a-z 0-9 _ . -`."""
    return quote(os.fsencode(name), safe="").replace("~", "%7E")


def key_of_path(path: str) -> Key:
    """Return the key in `FOLDER/NAME`, the name percent-encoded; raise `Missing` if none."""
    folder, _, name = path.partition("/")
    try:
        return Key(folder, os.fsdecode(unquote_to_bytes(name)))
    except BadInput as error:
        raise Missing("there is no such file") from error


def _site(address: str) -> tuple[str, int] | None:
    """Return host and port of an http or https address, comparable; None when it has none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or parts.hostname is None or "@" in parts.netloc:
        return None
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", parts.hostname):
        return None
    return parts.hostname.lower(), port or _DEFAULT_PORTS[parts.scheme]


def _host(entry: str) -> str:
    if not re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?", entry):
        raise BadSettings(_OWN_HOSTS)
    return entry


def _known_site(address: str, complaint: str) -> tuple[str, int]:
    site = _site(address)
    if site is None:
        raise BadSettings(complaint)
    return site
