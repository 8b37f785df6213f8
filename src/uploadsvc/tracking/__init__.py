"""
Uploads that are watched: how far each one is, told while it still runs.

All that is known of an upload is in files, so it is known to every process and host that
shares the folder. Whoever asks reads one small file and looks at the size of another; the
upload itself notices nothing of it.
"""

from uploadsvc.tracking.expiry import expire
from uploadsvc.tracking.identifiers import Identifiers
from uploadsvc.tracking.upload import TrackedUpload
from uploadsvc.tracking.uploads import TrackedUploads

__all__ = ["Identifiers", "TrackedUpload", "TrackedUploads", "expire"]
