"""
Previews of what is at an address: a file in our storage, or a picture anywhere else.

A preview's name is a digest of what it shows, so that no address needs escaping and no
two share one. A preview of a stored file carries that file's modification time, so that
both grow old together and removal finds it.
"""

from dataclasses import replace
from pathlib import Path

from uploadsvc.images import Variant
from uploadsvc.links import Links
from uploadsvc.made import SUFFIX
from uploadsvc.previews import Preview, Previews
from uploadsvc.sources import Source, digest, stored_source
from uploadsvc.storage import Storage

_VERSION = "2"
"""Of how previews are drawn; another one leaves the old files to the cleaner."""


class AddressPreviews:
    """Previews by address; what it raises is what `Previews` does."""

    def __init__(self, storage: Storage, links: Links, previews: Previews, *, notes: Path) -> None:
        """`notes` is a folder for notes of what was made of each address."""
        self._storage = storage
        self._links = links
        self._previews = previews
        self._notes = notes

    def find(self, address: str, variant: Variant, *, requested: str) -> Preview:
        """
        Return the preview of the picture at `address`.

        `requested` is the base of the request, like `https://host:port`. Raise `Missing`
        when the source has no such file, `BadInput` for what is no address, `NotAllowed` when
        it may not be fetched, `SourceFailed`, `TooLarge` or `Undecodable` when it gives
        nothing that can be shown, and `Unavailable`, `NoRoom` or `StorageFailed` when that is
        our own fault.
        """
        source = self._locate(address, requested=requested)
        return self._previews.find(source, variant, preview_name(source.address, variant))

    def read_again(self, preview: Preview) -> bytes | None:
        """Return what `Previews.read_again` does."""
        return self._previews.read_again(preview)

    def _locate(self, address: str, *, requested: str) -> Source:
        key = self._links.key(address, requested=requested)
        if key is None:
            return Source(address, notes=self._note_of(address))
        stored = self._storage.find(key)
        source = stored_source(self._storage, stored)
        return replace(source, notes=self._note_of(source.address))

    def _note_of(self, address: str) -> Path:
        return self._notes / f"{digest('made', address)}{SUFFIX}"


def preview_name(address: str, variant: Variant) -> str:
    """Return the cache name: a digest of everything that the preview depends on."""
    kind = f"{variant.format}-still" if variant.still else variant.format
    return digest(address, str(variant.size), kind, _VERSION)
