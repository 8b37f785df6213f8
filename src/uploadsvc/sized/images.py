"""
Pictures by ID, for programs: save one, get its ID back, and build URLs and tags from it.
"""

import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import Missing
from uploadsvc.images import Facts
from uploadsvc.mediatypes import picture_extension
from uploadsvc.previews import Previews
from uploadsvc.sized.cache import SizedPictures
from uploadsvc.sized.names import ORIGINAL
from uploadsvc.sized.originals import Originals
from uploadsvc.sized.permits import DEFAULT, Sizes
from uploadsvc.sized.record import Record, Told
from uploadsvc.sized.records import Records
from uploadsvc.sized.tags import img
from uploadsvc.sized.urls import Address, readable
from uploadsvc.sources import Source
from uploadsvc.storage import Storage

_PIECE = 1 << 20


class Images:
    """The pictures of an installation. What is asked of one that is none raises `Missing`."""

    def __init__(
        self,
        storage: Storage,
        base_url: str,
        *,
        records: Records,
        probe: Callable[[Path], Facts],
        opened: Callable[[Source], AbstractContextManager[Path]],
        previews: Previews,
        cache: Path,
        sizes: Sizes,
        sizes_per_picture: int = 50,
        alt: str = "",
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Keep originals in `storage`, and what is known of them in `records`.

        `base_url` stands before the path of every URL. `probe` and `opened` are those of
        `Originals`; `cache` is the folder of `previews`, which must exist. `alt` is added to
        the text of every tag. `close` ends what was started for all this.
        """
        self.originals = Originals(storage, records, probe=probe, opened=opened)
        self.sized = SizedPictures(
            self.originals, previews, cache, sizes, sizes_per_picture=sizes_per_picture
        )
        self.sizes = sizes
        self._base_url = base_url.rstrip("/")
        self._alt = alt
        self.close = close

    def save_image(
        self,
        data: bytes | bytearray | memoryview | BinaryIO,
        contenttype: str | None = None,
        timestamp: datetime | None = None,
        title: str = "",
        references: str | Iterable[str] | None = None,
        filename: str = "image.jpeg",
        typ: str = "",
    ) -> str:
        """
        Keep a picture and return its ID; the same bytes again only add what is told of it.

        `contenttype` is not believed: what it is, its bytes say. Raise `Undecodable` for what
        is no picture that can be shown, and `OtherBytes` for one that was forged to get the
        ID of another.
        """
        told = Told(title, _listed(references), typ, filename, timestamp)
        image, _ = self.originals.save(_chunks(data), lambda: told)
        return image

    def update_metadata(
        self,
        image_id: str,
        timestamp: datetime | None = None,
        title: str = "",
        references: str | Iterable[str] | None = None,
        typ: str = "",
    ) -> None:
        """Add to what is known of a picture."""
        told = Told(title, _listed(references), typ, at=timestamp)
        self.originals.update(image_id, told)

    def set_title(self, image_id: str, title: str) -> None:
        """Give a picture a title; it had others before, which it keeps."""
        self.update_metadata(image_id, title=title)

    def delete_image(self, image_id: str) -> None:
        """Remove the original, the picture at every size, and what is known of it."""
        self.originals.delete(image_id, forget=lambda source: self.sized.forget(source, image_id))

    def get_imagedoc(self, image_id: str) -> Record:
        """Return what is known of a picture."""
        return self.originals.record(image_id)

    def get_length(self, image_id: str) -> int:
        """Return how many bytes the original has."""
        return self.originals.find(image_id).size

    def imageurl(self, image_id: str, size: str = ORIGINAL) -> str:
        """Return the URL of a picture, as it was saved or at a size."""
        return self._base_url + self.address(image_id, size).path

    def scaled_imageurl(self, image_id: str, size: str = DEFAULT) -> str:
        """
        Return the URL of a picture at a size: signed, where the size is not open.

        Raise `BadInput` for what is no size, and `NotSigned` without a key to sign with.
        """
        return self.imageurl(image_id, size)

    def address(self, image_id: str, size: str) -> Address:
        """Return the address of a picture at a size, with a readable name from its title."""
        record = self.originals.record(image_id)
        name = readable(record.title) or readable(Path(record.file_name).stem)
        if size == ORIGINAL:
            return Address(size, image_id, name, picture_extension(record.media_type))
        self.sizes.read(size)
        return Address(size, image_id, name, signature=self.sizes.signature(size, image_id))

    def scaled_imagedata(self, image_id: str, size: str = DEFAULT) -> bytes:
        """Return the bytes of a picture at a size, in a format that every browser shows."""
        if size == ORIGINAL:
            *_, file = self.originals.open(image_id)
        else:
            file = self.sized.find(Address(size, image_id), "auto", trusted=True).file
        with file:
            return file.read()

    def scaled_dimensions(self, image_id: str, size: str = DEFAULT) -> tuple[int, int]:
        """Return width and height of a picture at a size, without looking at the picture."""
        record = self.originals.record(image_id)
        if size == ORIGINAL:
            return record.width, record.height
        return self.sizes.read(size).fit(record.width, record.height)

    def scaled_tag(self, image_id: str, size: str = DEFAULT, **attributes: object) -> str:
        """
        Return the `<img>` tag of a picture at a size, with more attributes or others.

        `class_` is `class`, `data_id` is `data-id`; see `tags.img`. Its text is the newest
        title, or else the file's name.
        """
        record = self.originals.record(image_id)
        width, height = self.scaled_dimensions(image_id, size)
        text = " ".join(filter(None, (record.title or record.file_name, self._alt)))
        given = {
            "src": self.imageurl(image_id, size),
            "width": width,
            "height": height,
            "alt": text,
        }
        return img(given | attributes)

    def get_random_imageid(self) -> str:
        """Return the ID of any picture; raise `Missing` when there is none at all."""
        known = list(self.originals)
        if not known:
            raise Missing("there are no pictures yet")
        return secrets.choice(known)

    def get_next_imageid(self, image_id: str) -> str:
        """Return the ID that comes after this one, or this one if it is the last."""
        return min((each for each in self.originals if each > image_id), default=image_id)

    def get_previous_imageid(self, image_id: str) -> str:
        """Return the ID that comes before this one, or this one if it is the first."""
        return max((each for each in self.originals if each < image_id), default=image_id)


def _chunks(data: bytes | bytearray | memoryview | BinaryIO) -> Iterable[bytes]:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return [bytes(data)]
    return iter(lambda: data.read(_PIECE), b"")


def _listed(references: str | Iterable[str] | None) -> tuple[str, ...]:
    if references is None:
        return ()
    return (references,) if isinstance(references, str) else tuple(references)
