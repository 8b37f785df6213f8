"""
Everything that can go wrong, in the words of the service.

    UploadsvcError
      BadInput            the client sent something we cannot use
        BrokenOff         what it sent ended too early
      NotAllowed          understood, and refused
      Missing             there is nothing under that name
        Gone              there was something, and its time is over
      Conflict            the stored state and the request disagree
      LimitExceeded       what the client sent is fine, but too much of it
        TooLarge
        TooMany           too often; trying again later may work
      Undecodable         a picture that cannot be shown
        Unsupported       of a type that cannot be shown here
      SourceFailed        a remote source did not give what was asked of it
        SourceTooSlow
      Unavailable         our fault; trying again later may work
        NoRoom            the disk, or the share of it that is ours, is full
      BadSettings         the service cannot start like this

A component may refine a family next to the code that raises it. Each error has a
stable public `code`; its text is one sentence that a client may read. There is no
HTTP here: `uploadsvc.web.errors` decides which status each family becomes.
"""

from collections.abc import Iterator


class UploadsvcError(Exception):
    """The root of the family."""

    code = "error"


class BadInput(UploadsvcError):
    code = "bad-input"


class BrokenOff(BadInput):
    code = "broken-off"


class NotAllowed(UploadsvcError):
    code = "not-allowed"


class Missing(UploadsvcError):
    code = "missing"


class Gone(Missing):
    code = "gone"


class Conflict(UploadsvcError):
    code = "conflict"


class LimitExceeded(UploadsvcError):
    code = "limit-exceeded"


class TooLarge(LimitExceeded):
    code = "too-large"


class TooMany(LimitExceeded):
    code = "too-many"

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(sentence)
        self.retry_after = retry_after


class Undecodable(UploadsvcError):
    code = "undecodable"


class Unsupported(Undecodable):
    code = "unsupported"


class SourceFailed(UploadsvcError):
    code = "source-failed"


class SourceTooSlow(SourceFailed):
    code = "source-too-slow"


class Unavailable(UploadsvcError):
    code = "unavailable"

    def __init__(self, sentence: str, *, retry_after: int = 5) -> None:
        """`retry_after` is in seconds."""
        super().__init__(sentence)
        self.retry_after = retry_after


class NoRoom(Unavailable):
    code = "no-room"


class BadSettings(UploadsvcError):
    code = "bad-settings"


def family(kind: type[UploadsvcError] = UploadsvcError) -> Iterator[type[UploadsvcError]]:
    """Yield a kind of error and all that refine it, as far as they are imported."""
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)
