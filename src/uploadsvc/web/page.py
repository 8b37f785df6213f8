"""
The page at `/`: people put files on it and get links.

It is HTML, a style sheet, a script and an icon, read once from the package. All its
addresses are relative, so it works below any SCRIPT_NAME. The page is asked for anew
each time; what it loads carries a digest in its address and may be kept for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from wsgiref.types import WSGIApplication

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc.errors import Missing
from uploadsvc.web.errors import allow

# What the script imports; asked for with it, not one after the other.
_MODULES = (
    "card.js",
    "claims.js",
    "copying.js",
    "going.js",
    "item.js",
    "kept.js",
    "tus.js",
    "words.js",
)

_TYPES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
} | dict.fromkeys(_MODULES, "text/javascript")

_SHORTER_LIVES = tuple(
    timedelta(seconds=seconds) for seconds in (30 * 86400, 7 * 86400, 86400, 6 * 3600, 3600, 600)
)

# Everything is refused but what the page is made of: no inline script or style can run, whatever
# a file is called, and text never becomes markup (Trusted Types).
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_ASK_AGAIN = "no-cache"
_KEEP_FOR_EVER = "public, max-age=31536000, immutable"


def page(
    *,
    max_upload: int,
    keep: timedelta,
    tus_path: str = "/files",
    sendfile_path: str = "/sendfile",
    preview_path: str = "/getpreview",
) -> WSGIApplication:
    """
    Return the application that serves `/` and what lies below `/static/`.

    `max_upload` is in bytes. The paths are where the endpoints are mounted, below the same
    SCRIPT_NAME: the page sends to the one for tus, and tells of `sendfile_path` for the
    command line. Raise `Missing` for every other path and `MethodNotAllowed` for every other
    method.
    """
    statics = {f"/static/{name}": _Static.read(name) for name in _TYPES}
    template = Template(_resource("templates", "page.html").decode())
    words = {
        "max_upload": str(max_upload),
        "largest": _size_in_words(max_upload),
        "keep": _time_in_words(keep),
        "keep_seconds": str(int(keep.total_seconds())),
        "uploads": f"{tus_path.strip('/')}/",
        "preview": preview_path.lstrip("/"),
        "css": statics["/static/page.css"].address,
        "js": statics["/static/page.js"].address,
        "icon": statics["/static/icon.svg"].address,
    }

    send = sendfile_path.lstrip("/")
    parts = {"modules": _modules(), "lives": _lives(keep)}

    @wsgify
    def answer(request: Request) -> Response:
        path = request.path_info
        if path not in ("", "/") and path not in statics:
            raise Missing("there is nothing at this address")
        allow(request, "GET", "HEAD")
        if path == "":
            # Relative addresses would otherwise point beside the mount point.
            return Response(status=301, location=request.application_url + "/")
        if path == "/":
            here = words | {"upload_url": f"{request.application_url}/{send}"}
            return _html(template, here, parts)
        return statics[path].response(asked=request.query_string)

    return answer


@dataclass(frozen=True)
class _Static:
    name: str
    body: bytes
    version: str

    @classmethod
    def read(cls, name: str) -> "_Static":
        body = _resource("static", name)
        return cls(name, body, sha256(body).hexdigest()[:16])

    @property
    def address(self) -> str:
        return f"static/{self.name}?v={self.version}"

    def response(self, *, asked: str) -> Response:
        # Another version's address must not pin these bytes in a cache while servers change over.
        current = asked == f"v={self.version}"
        return _response(
            self.body,
            content_type=_TYPES[self.name],
            cache_control=_KEEP_FOR_EVER if current else _ASK_AGAIN,
        )


def _html(template: Template, words: Mapping[str, str], parts: Mapping[str, str]) -> Response:
    """`words` are text; `parts` are markup, made here of nothing that comes from outside."""
    text = template.substitute(parts, **{name: escape(word) for name, word in words.items()})
    return _response(text.encode(), content_type="text/html", cache_control=_ASK_AGAIN)


def _modules() -> str:
    links = (f'<link rel="modulepreload" href="static/{name}">' for name in _MODULES)
    return "\n  ".join(links)


def _lives(keep: timedelta) -> str:
    """Return the choice of a life; nothing where there is none that is shorter."""
    shorter = [life for life in _SHORTER_LIVES if life < keep]
    if not shorter:
        return ""
    options = [f'<option value="">{_time_in_words(keep)}</option>'] + [
        f'<option value="{life.total_seconds():.0f}">{_time_in_words(life)}</option>'
        for life in shorter
    ]
    return (
        '<p class="lives"><label for="life">Keep for</label> '
        f'<select id="life" autocomplete="off">{"".join(options)}</select></p>\n'
    )


def _response(body: bytes, *, content_type: str, cache_control: str) -> Response:
    response = Response(
        body=body,
        content_type=content_type,
        charset="utf-8",
        conditional_response=True,
        etag=sha256(body).hexdigest()[:32],
    )
    response.headers.update(_SECURITY.items())
    response.headers["Cache-Control"] = cache_control
    return response


def _resource(folder: str, name: str) -> bytes:
    return files("uploadsvc").joinpath(folder, name).read_bytes()


def _size_in_words(size: int) -> str:
    """`100 MB`, `1.5 GB`: decimal units, as the page's script writes them."""
    value, unit = float(size), "byte" if size == 1 else "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}" if value < 10 else f"{value:.0f} {unit}"


def _time_in_words(time: timedelta) -> str:
    """`1 day`, `36 hours`: in the largest unit that leaves nothing over."""
    seconds = int(time.total_seconds())
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{seconds} seconds"
