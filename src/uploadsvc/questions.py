"""
What a plain request asks, so that the same question is known when it comes again.

Plain is a GET whose head holds nothing that is not known here: no body, no range, no
condition. Everything else is not judged here but left to those who judge it in full.
"""

import re
from functools import lru_cache

LARGEST_HEAD = 4096

# RFC 9112 3 and 5, the part of it that clients send: nothing folded, odd or empty.
_HEAD = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n((?:[A-Za-z-]+: [!-~][ -~]*\r\n)+)\r\n")
_SEEN_BY_THE_APPLICATION = frozenset(
    {b"host", b"accept", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}
)
_OF_NO_MATTER = frozenset(
    {
        *(b"user-agent", b"accept-encoding", b"accept-language", b"cookie", b"dnt", b"referer"),
        *(b"priority", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"sec-fetch-user"),
        *(b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-gpc"),
    }
)

Question = tuple[bytes, ...]


@lru_cache(maxsize=1024)
def question(head: bytes) -> Question | None:
    """Return what matters of the head of a request; None when it is not a plain question."""
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    matters = [match[1]]
    hosts = 0
    for line in match[2].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b": ")
        name = name.lower()
        hosts += name == b"host"
        if name in _SEEN_BY_THE_APPLICATION:
            matters += [name, value]
        elif name == b"connection":
            if value.lower() != b"keep-alive":
                return None
        elif name not in _OF_NO_MATTER:
            return None
    return tuple(matters) if hosts == 1 else None
