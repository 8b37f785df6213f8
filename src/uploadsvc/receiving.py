"""
What takes uploads that go on later, or are watched while they come, built from the settings.
"""

import contextlib
from collections.abc import Callable

from uploadsvc.errors import Missing
from uploadsvc.settings import Settings
from uploadsvc.storage import Key
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.room import DiskRoom
from uploadsvc.tracking import TrackedUploads
from uploadsvc.tus import Asking, Uploads


def build_unfinished(
    settings: Settings, storage: LocalStorage, room: DiskRoom, take_down: Callable[[Key], object]
) -> Uploads:
    """Build what keeps resumable uploads; `take_down` removes a stored file."""
    data = DataDir(settings.data_dir)
    return Uploads(
        data.uploads,
        storage,
        keep=settings.keep,
        keep_partial=settings.keep_partial,
        max_size=settings.max_upload,
        asking=Asking(data.state / "asked"),
        check_room=room.check,
        remove=take_down,
    )


def build_watched(
    settings: Settings, storage: LocalStorage, room: DiskRoom, take_down: Callable[[Key], object]
) -> TrackedUploads:
    """Build what keeps watched uploads. Raise `BadSettings` for bad keys."""

    def remove(key: Key) -> None:
        # It may have gone before, when its time was over.
        with contextlib.suppress(Missing):
            take_down(key)

    return TrackedUploads(
        DataDir(settings.data_dir).progress,
        keys=[key.get_secret_value() for key in settings.upload_keys],
        check_room=room.check,
        path_of=storage.path,
        remove=remove,
    )
