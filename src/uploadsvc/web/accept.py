"""
What a client says it understands (RFC 9110 12.5.1): only what it names counts.

`image/*` and `*/*` say nothing of what a client can show: old ones send them too.
"""

from functools import lru_cache

from webob import Request

from uploadsvc.images import Format


def accepted(request: Request) -> frozenset[str]:
    """Return the media types that `Accept` names, in lower case, without those of no worth."""
    return _named(request.environ.get("HTTP_ACCEPT", ""))


def spoken(request: Request) -> str:
    """Return the media type of the request's own body, in lower case."""
    return _read(request.environ.get("CONTENT_TYPE", ""))[0]


def preview_format(request: Request, *, avif: bool) -> Format:
    """Return the best format that the client names; AVIF only if it is switched on."""
    kinds = accepted(request)
    if avif and "image/avif" in kinds:
        # One that shows AVIF shows WebP too: all browsers had that first.
        return "avif-or-webp"
    return "webp" if "image/webp" in kinds else "auto"


# Each browser says the same each time, and is asked more than once for a request.
@lru_cache(maxsize=64)
def _named(header: str) -> frozenset[str]:
    return frozenset(kind for kind, worth in map(_read, header.split(",")) if worth)


def _read(kind: str) -> tuple[str, bool]:
    name, *parameters = (part.strip().lower() for part in kind.split(";"))
    worthless = any(part.replace(" ", "").rstrip("0") in ("q=", "q=0.") for part in parameters)
    return name, not worthless
