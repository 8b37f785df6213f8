"""
Which endpoint answers which path.

An endpoint is called with its mount path moved from PATH_INFO to SCRIPT_NAME, the same as
a web server does that mounts it by itself.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from uploadsvc.errors import Missing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def mount(
    endpoints: Mapping[str, "WSGIApplication"], *, rest: "WSGIApplication | None" = None
) -> "WSGIApplication":
    """
    Return an application that calls the endpoint with the longest matching mount path.

    What no endpoint is mounted for goes to `rest`, or is `Missing`.
    """
    by_length = sorted(endpoints.items(), key=lambda item: -len(item[0]))

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, endpoint in by_length:
            if path == prefix or path.startswith(f"{prefix}/"):
                environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
                environ["PATH_INFO"] = path[len(prefix) :]
                return endpoint(environ, start_response)
        if rest is None:
            raise Missing("there is nothing here")
        return rest(environ, start_response)

    return dispatch
