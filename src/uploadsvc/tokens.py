"""
Tokens: what we allowed to whoever holds one, and until when.

A token is `EXPIRY.SIGNATURE`: seconds since 1970 in decimal digits, a dot, and the signature
of that and of the fields that it is for. Nothing of it is kept here. One that is forged,
altered, malformed or too old is refused with the same sentence: whoever tries learns nothing.
"""

import math
import re
from datetime import datetime

from uploadsvc.errors import NotAllowed
from uploadsvc.signing import LENGTH, Signer

_TOKEN = re.compile(rf"([1-9][0-9]{{0,11}})\.([A-Za-z0-9_-]{{{LENGTH}}})")
_NONE = ("1", "-" * LENGTH)
"""What no key signs, for what is no token: checked like one that is."""


class BadToken(NotAllowed):
    """A token that was not given out, or whose time is over."""

    code = "bad-token"


class Tokens:
    def __init__(self, signer: Signer) -> None:
        """What the tokens allow is the purpose of the signer."""
        self._signer = signer

    def make(self, *fields: str, expires: datetime) -> str:
        """
        Return a token for the fields, which is good until `expires`, rounded up to seconds.

        It is safe in a URL: letters, digits, `-`, `_` and one dot.
        """
        until = str(math.ceil(expires.timestamp()))
        return f"{until}.{self._signer.sign(until, *fields)}"

    def check(self, token: str, *fields: str, now: datetime) -> None:
        """Raise `BadToken` unless it was made for the fields and its time is not over."""
        match = _TOKEN.fullmatch(token)
        until, signature = match.groups() if match else _NONE
        # First the signature, whatever the time: how long it takes tells nothing either.
        is_ours = self._signer.is_right(signature, until, *fields)
        if not is_ours or match is None or now.timestamp() >= int(until):
            raise BadToken("the token is not right, or its time is over")
