"""
Pictures that are kept under IDs which their own bytes give them, and shown at any size.

`Images` is what programs and endpoints use. The originals are in a storage, what is known
of them in records beside it, and what was made of them where its URL says.
"""

from uploadsvc.sized.ids import is_id
from uploadsvc.sized.images import Images
from uploadsvc.sized.names import ORIGINAL
from uploadsvc.sized.permits import DEFAULT, Sizes
from uploadsvc.sized.record import Record, Told
from uploadsvc.sized.records import Records
from uploadsvc.sized.urls import Address, claims

__all__ = [
    "DEFAULT",
    "ORIGINAL",
    "Address",
    "Images",
    "Record",
    "Records",
    "Sizes",
    "Told",
    "claims",
    "is_id",
]
