"""
What keeps an open service from being filled, built from the settings.

Apart from `app`, because the cleaner needs these and nothing else that `app` loads.
"""

from uploadsvc.rates import Rate
from uploadsvc.settings import Settings
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.room import DiskRoom


def build_room(settings: Settings, data: DataDir) -> DiskRoom:
    """Build what knows whether there is room for more files."""
    return DiskRoom(
        data.storage,
        floor=None if settings.disk_floor == "auto" else settings.disk_floor,
        max_stored=settings.max_stored,
        ledger=data.state / "stored-bytes",
    )


def build_rate(settings: Settings, data: DataDir) -> Rate:
    """Build what counts the uploads of each address."""
    return Rate(data.state / "rates", per_minute=settings.uploads_per_minute)
