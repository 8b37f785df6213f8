"""Why a picture cannot be shown, where more is known than that it cannot."""

from uploadsvc.errors import Undecodable, Unsupported


class TooManyPixels(Undecodable):
    """Its header says so; nothing was decoded."""

    code = "too-many-pixels"

    def __init__(self, sentence: str = "the picture has too many pixels") -> None:
        super().__init__(sentence)


class TooHeavy(Undecodable):
    """Decoding it takes more memory or time than it may."""

    code = "too-heavy"

    def __init__(self, sentence: str = "the picture is too large to decode") -> None:
        super().__init__(sentence)


class NeedsPackage(Unsupported):
    """A package that is not installed would be needed."""

    code = "needs-package"
