"""
Pictures at the sizes that were asked for, kept where their URL says.

`SIZE/ID.EXTENSION`. After the ID stand a dash and the signature where the URL has one, so that
a wrong one leads nowhere, `-first` for a still of what moves, and `-flat` where the format shows
less than the picture has. The server in front finds a file by rearranging the URL.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from uploadsvc.images import EXTENSIONS, Format, Variant
from uploadsvc.previews import Preview, Previews
from uploadsvc.sized.bound import SizeBound
from uploadsvc.sized.originals import Originals
from uploadsvc.sized.permits import Sizes
from uploadsvc.sized.urls import Address
from uploadsvc.sources import Source

_STILL = "-first"
_FLAT = "-flat"
"""What `Previews` adds to the name of one that shows less than its picture."""

_UNSIGNED = "~"
"""Asked for by a program, without a signature: no URL leads there."""


class SizedPictures:
    def __init__(
        self,
        originals: Originals,
        previews: Previews,
        directory: Path,
        sizes: Sizes,
        *,
        sizes_per_picture: int = 50,
    ) -> None:
        """
        `directory` is where `previews` keeps them. Of the sizes that are open by setting alone
        there may be `sizes_per_picture` of one picture.
        """
        self._originals = originals
        self._previews = previews
        self._directory = directory
        self._sizes = sizes
        self._bound = SizeBound(sizes_per_picture)

    def find(
        self, address: Address, format: Format, *, still: bool = False, trusted: bool = False
    ) -> Preview:
        """
        Return the picture at the size of the address, which is made if need be.

        The extension of the address wins over `format`. Raise `BadInput` for a size that is
        none, or one too many; `NotSigned`, unless the asker is `trusted`; `Missing` when there
        is no such picture; and what `Previews.find` does.
        """
        size = self._sizes.read(address.size)
        if not trusted:
            self._sizes.check(address)
        source = self._originals.source(address.image)
        variant = Variant(size, self._format(address, format, still=still), still)
        with self._place(address, source, trusted=trusted):
            return self._previews.find(source, variant, self._name(address, still=still))

    def read_again(self, preview: Preview) -> bytes | None:
        """Return what `Previews.read_again` does."""
        return self._previews.read_again(preview)

    def forget(self, source: Source, image: str) -> None:
        """Remove the picture at every size."""
        self._previews.forget(source)
        # Notes may be lost; names cannot be, since they follow from size, ID and signature.
        for folder in self._directory.iterdir():
            if folder.is_dir() and not folder.name.startswith("."):
                for name in self._names(folder.name, image):
                    (folder / name).unlink(missing_ok=True)

    def _format(self, address: Address, format: Format, *, still: bool) -> Format:
        if address.extension:
            return cast(Format, address.extension)
        if format == "avif-or-webp":
            moves = not still and self._originals.record(address.image).animated
            return "webp" if moves else "avif"
        return format

    def _place(
        self, address: Address, source: Source, *, trusted: bool
    ) -> AbstractContextManager[None]:
        if trusted or address.signature or not self._sizes.is_counted(address.size):
            return contextlib.nullcontext()
        return self._bound.one(
            address.image, address.size, made=lambda: self._made(address, source)
        )

    def _made(self, address: Address, source: Source) -> set[str]:
        """Return the sizes that count and are there; this one alone, if it is."""
        at_hand = self._directory / address.size / address.image
        if any(at_hand.with_suffix(f".{each}").is_file() for each in EXTENSIONS.values()):
            return {address.size}
        made = (name.partition("/") for name in self._previews.names(source))
        unsigned = set(_stems(address.image))
        return {
            size
            for size, _, name in made
            if name.partition(".")[0] in unsigned and self._sizes.is_counted(size)
        }

    def _name(self, address: Address, *, still: bool) -> str:
        kind = f"-{address.signature}" if address.signature else ""
        if not kind and not self._sizes.is_open(address.size):
            kind = _UNSIGNED
        return f"{address.size}/{address.image}{kind}{_STILL if still else ''}"

    def _names(self, size: str, image: str) -> Iterator[str]:
        """Every name that the picture may have been kept under at a size."""
        signatures = (f"-{each}" for each in self._sizes.signatures(size, image))
        for kind in ("", _UNSIGNED, *signatures):
            for stem in _stems(f"{image}{kind}"):
                yield from (f"{stem}.{extension}" for extension in EXTENSIONS.values())


def _stems(name: str) -> Iterator[str]:
    for frames in ("", _STILL):
        yield from (f"{name}{frames}{shows}" for shows in ("", _FLAT))
