"""
Which sizes there are, and who may have which.

Named sizes and 150x150 are open to everybody, and so are those that the operator opens. Any
other needs a signature of ours over size and ID, or strangers could have us fill the disk
with every size there is.
"""

from collections.abc import Iterable

from uploadsvc.errors import BadInput, BadSettings, NotAllowed
from uploadsvc.images import Size
from uploadsvc.signing import Signer
from uploadsvc.sized.names import named_sizes
from uploadsvc.sized.urls import Address

DEFAULT = "150x150"
"""What is asked for where no size is given."""

_ALL = "all"


class NotSigned(NotAllowed):
    """A size that is not open, without a signature or with a wrong one."""

    code = "not-signed"


class Sizes:
    def __init__(
        self,
        *,
        named: Iterable[str] = (),
        open_sizes: Iterable[str] = (),
        max_side: int = 2048,
        signer: Signer | None = None,
    ) -> None:
        """
        `named` are more named sizes, like `name=640x480`. `open_sizes` are `WxH` or `WxH!`,
        or `all`. No side of a size without a name is larger than `max_side`. Raise
        `BadSettings` for others than these.
        """
        self.named = named_sizes(named)
        self._max_side = max_side
        self._signer = signer
        listed = set(open_sizes)
        self._is_all_open = _ALL in listed
        self._listed = listed - {_ALL}
        for size in self._listed:
            self._check_listed(size)

    def read(self, text: str) -> Size:
        """Return the size of that name, or `WxH` or `WxH!`; raise `BadInput` if it is none."""
        return self.named.get(text) or Size.read(text, max_side=self._max_side)

    def is_open(self, text: str) -> bool:
        """Whether anybody may have pictures at a size."""
        return not self.is_counted(text) or self._is_all_open or text in self._listed

    def is_counted(self, text: str) -> bool:
        """Whether a size is open, if it is, by setting alone."""
        return text not in self.named and text != DEFAULT

    def check(self, address: Address) -> None:
        """Raise `NotSigned` unless the picture may be had at that size, by that address."""
        if not address.signature:
            if not self.is_open(address.size) and not address.is_original:
                raise NotSigned("this size needs a signature")
        elif self._signer is None or not self._signer.is_right(
            address.signature, address.size, address.image
        ):
            raise NotSigned("the signature is not right")

    def signature(self, text: str, image: str) -> str:
        """
        Return what the URL of a picture at a size must be signed with; nothing if it is open.

        Raise `NotSigned` when there is no key to sign with.
        """
        if self.is_open(text):
            return ""
        if self._signer is None:
            raise NotSigned(f"{text} is not open, and there is no key to sign it with")
        return self._signer.sign(text, image)

    def signatures(self, text: str, image: str) -> list[str]:
        """Return every signature that is right for a picture at a size."""
        return self._signer.all(text, image) if self._signer else []

    def _check_listed(self, size: str) -> None:
        try:
            self.read(size)
        except BadInput as error:
            raise BadSettings(f"open_sizes: {size!r}: {error}") from error
