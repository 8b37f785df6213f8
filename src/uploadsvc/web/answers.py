"""
What a client learns of its upload, in JSON, whichever way it came in.

The link, what the file is, when it goes, and how to show it and to remove it. What cannot be
told is left out: an upload that is kept is never refused because its picture cannot be read.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from webob import Response

from uploadsvc.errors import UploadsvcError
from uploadsvc.images import Facts
from uploadsvc.links import Links, quote_name
from uploadsvc.storage import Key, StoredFile
from uploadsvc.tokens import Tokens
from uploadsvc.uploads import Received
from uploadsvc.web.headers import json_answer


class Answers:
    def __init__(
        self,
        links: Links,
        *,
        tokens: Tokens | None = None,
        probe: Callable[[StoredFile], Facts] | None = None,
        preview_path: str = "/getpreview",
        delete_path: str = "/delete",
    ) -> None:
        """
        `probe` tells what a stored picture is, and raises for what cannot be shown; without
        it nothing is told of pictures. Without `tokens` there is no link to delete by. The
        paths are those at which the endpoints are mounted.
        """
        self._links = links
        self._tokens = tokens
        self._probe = probe
        self._preview_path = preview_path
        self._delete_path = delete_path

    def describe(self, received: Received, *, requested: str) -> dict[str, Any]:
        """Return the answer; `requested` is the base of the request, like `https://host:port`."""
        stored = received.stored
        answer: dict[str, Any] = {
            "link": self._links.link(stored.key, requested=requested),
            "name": stored.key.name,
            "size": stored.size,
            "type": received.media_type,
        }
        if received.sha256 is not None:
            answer["sha256"] = received.sha256
        if (facts := self._facts(received)) is not None:
            address = quote(answer["link"], safe="")
            answer["width"], answer["height"] = facts.width, facts.height
            answer["preview"] = f"{self._at(requested, self._preview_path)}?addr={address}"
        answer["expires"] = f"{received.expires:%Y-%m-%dT%H:%M:%SZ}"
        if self._tokens is not None:
            token = self._tokens.make(*fields_of(stored.key), expires=received.expires)
            where = f"{stored.key.folder}/{quote_name(stored.key.name)}"
            answer["delete"] = f"{self._at(requested, self._delete_path)}/{where}?token={token}"
        return answer

    def respond(self, received: Received, *, requested: str) -> Response:
        """Return the answer as a response: 201, with the link in `Location`."""
        answer = self.describe(received, requested=requested)
        response = json_answer(answer, status=201)
        # RFC 9110 10.2.2; set as it is, since WebOb would join a relative one to the request.
        response.headers["Location"] = answer["link"]
        return response

    def _facts(self, received: Received) -> Facts | None:
        """Return what the picture is; None for what is none, or cannot be shown."""
        if self._probe is None or not received.media_type.startswith("image/"):
            return None
        try:
            return self._probe(received.stored)
        except UploadsvcError:
            # Broken, too large, of no kind that is shown; or all decoders are busy.
            return None

    def _at(self, requested: str, path: str) -> str:
        return f"{self._links.base(requested)}{path}"


def fields_of(key: Key) -> tuple[str, str]:
    """Return what a token for a stored file is made of."""
    return key.folder, key.name
