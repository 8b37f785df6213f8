"""
Which endpoint answers which path.

An endpoint is called with its mount path moved from PATH_INFO to SCRIPT_NAME, the same as
a web server does that mounts it by itself.
"""

from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from uploadsvc.errors import Missing


def mount(
    at: Mapping[str, WSGIApplication],
    *,
    below: Mapping[str, WSGIApplication] | None = None,
    claimed: tuple[Callable[[str], bool], WSGIApplication] | None = None,
    rest: WSGIApplication | None = None,
) -> WSGIApplication:
    """
    Return an application that calls the endpoint of the path.

    The endpoints `at` a path answer there, with or without a slash at its end; those
    `below` one answer for everything under it. The one in `claimed` answers for each other
    path that its function says is its own. Any other path goes to `rest`, or is `Missing`.
    """
    claims, claimant = claimed or (lambda path: False, rest)

    def find(path: str) -> tuple[str, WSGIApplication] | None:
        if (exact := path.removesuffix("/")) in at:
            return exact, at[exact]
        return next(
            ((prefix, app) for prefix, app in (below or {}).items() if is_under(path, prefix)), None
        )

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        found = find(path)
        if found is not None:
            prefix, endpoint = found
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
            environ["PATH_INFO"] = path[len(prefix) :]
            return endpoint(environ, start_response)
        other = claimant if claims(path) else rest
        if other is None:
            raise Missing("there is nothing here")
        return other(environ, start_response)

    return dispatch


def is_under(path: str, prefix: str) -> bool:
    """Whether a path is the prefix, or something below it."""
    return path == prefix or path.startswith(f"{prefix}/")
