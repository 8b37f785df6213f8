"""
Unfinished uploads: they break off, go on where they stopped, and become stored files.

`protocol`, with `metadata` and `checksum`, is the rules of tus 1.0.0 and does nothing;
`uploads` keeps what has come and who is at it; nothing here speaks HTTP.
"""

from uploadsvc.tus.asking import Asking
from uploadsvc.tus.standing import Standing
from uploadsvc.tus.uploads import Uploads
from uploadsvc.tus.working import HeldUpload

__all__ = ["Asking", "HeldUpload", "Standing", "Uploads"]
