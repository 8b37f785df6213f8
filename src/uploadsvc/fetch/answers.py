"""
What the head of an answer must say before its body is read.

Only status 200 counts: the others are the source's own business. Only a body without a
content coding is taken, because nobody knows what a compressed one would grow to. What
the content type says does not matter; the bytes decide, later.
"""

import httpcore

from uploadsvc.errors import BadInput, Missing, NotAllowed, SourceFailed
from uploadsvc.fetch.guard import REFUSAL
from uploadsvc.fetch.urls import RemoteUrl

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_MOST_HEADERS = 100


def check_answer(answer: httpcore.Response) -> None:
    """Raise `Missing` for 404 and 410, `SourceFailed` for all that is not a plain 200."""
    if len(answer.headers) > _MOST_HEADERS:
        raise SourceFailed("the source of the picture answers with too many headers")
    if answer.status in _GONE:
        raise Missing("there is no picture at that address")
    if answer.status != 200:
        raise SourceFailed(f"the source of the picture answers with status {answer.status}")
    codings = b",".join(_values(answer, b"content-encoding")).lower().split(b",")
    if {coding.strip() for coding in codings} - {b"", b"identity"}:
        raise SourceFailed("the source of the picture sends it compressed")
    if _values(answer, b"transfer-encoding") and _values(answer, b"content-length"):
        # RFC 9112, section 6.3: somebody on the way may have understood it differently.
        raise SourceFailed("the source of the picture announces its length twice")


def announced_bytes(answer: httpcore.Response) -> int | None:
    """Return the length that the answer claims to have, if it claims one."""
    # Digits by now: the client refuses any other length, and lengths that differ.
    lengths = _values(answer, b"content-length")
    return int(lengths[0]) if lengths else None


def redirection(url: RemoteUrl, answer: httpcore.Response) -> RemoteUrl:
    """
    Return where a redirect leads, checked in its form and its scheme only.

    Raise `SourceFailed` when it leads to no URL, `NotAllowed` from https to http.
    """
    locations = _values(answer, b"location")
    if len(locations) != 1:
        raise SourceFailed("the source of the picture redirects to nowhere")
    try:
        onward = url.join(locations[0].decode("utf-8"))
    except (BadInput, UnicodeDecodeError) as error:
        raise SourceFailed("the source of the picture redirects to nowhere") from error
    if url.scheme == "https" and onward.scheme == "http":
        raise NotAllowed(REFUSAL)
    return onward


def _values(answer: httpcore.Response, name: bytes) -> list[bytes]:
    return [value for each, value in answer.headers if each.lower() == name]
