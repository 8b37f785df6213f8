"""Unfinished uploads for the tests: begun, and added to."""

import base64

from uploadsvc.tus.metadata import Metadata
from uploadsvc.tus.protocol import Append, Creation


def creation(length=11, *, filename="a b.txt", **more):
    pairs = {"filename": filename, **more.pop("named", {})}
    sent = ",".join(
        f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in pairs.items()
    )
    return Creation(length, Metadata.parse(sent), **more)


def add(uploads, id, *pieces, checksum=None, length=None):
    with uploads.held(id) as upload:
        known = upload.upload.length if length is None else length
        limit = uploads.max_size if known is None else known
        left = limit - upload.upload.offset
        allowed = Append(left, known, checksum, incoming=0 if known is None else left)
        return upload.append(iter(pieces), allowed)


def add_iterator(uploads, id, pieces, checksum=None):
    with uploads.held(id) as upload:
        return upload.append(pieces, Append(11 - upload.upload.offset, 11, checksum))
