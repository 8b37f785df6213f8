"""
What keeps an open service from being filled, and one that is busy from standing still.

Built from the settings, apart from `app`, because the cleaner needs some of it and nothing
else that `app` loads.
"""

from dataclasses import dataclass

from uploadsvc.cache import Cache
from uploadsvc.errors import BadSettings
from uploadsvc.failures import Failures
from uploadsvc.places import Places
from uploadsvc.rates import Rate
from uploadsvc.settings import Settings
from uploadsvc.storage.cached import CacheFolder
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.room import DiskRoom

_PERCENT = {
    "uploads_at_once": 30,
    "downloads_at_once": 30,
    "previews_at_once": 20,
    "fetches_at_once": 12,
}
"""Of the threads, for each bound that is not set; what is left answers everything else."""


@dataclass(frozen=True)
class Bounds:
    """Places for whatever may hold a thread for long; some threads always stay free."""

    uploads: Places
    downloads: Places
    previews: Places
    fetches: Places
    readers: Places
    """For whoever does not take a small answer at once."""
    free: int
    """Threads that none of them can hold."""


def build_bounds(settings: Settings) -> Bounds:
    """Build the bounds; raise `BadSettings` when their sum leaves no thread free."""
    number = {
        name: getattr(settings, name) or max(1, settings.threads * percent // 100)
        for name, percent in _PERCENT.items()
    }
    left = settings.threads - sum(number.values())
    readers = max(1, left // 2)
    if left <= readers:
        parts = ", ".join(f"{name} {value}" for name, value in number.items())
        raise BadSettings(f"threads: {settings.threads} must be more than these together: {parts}")
    return Bounds(
        uploads=Places(
            number["uploads_at_once"], refusal="too many files are being uploaded at the moment"
        ),
        downloads=Places(
            number["downloads_at_once"], refusal="too many files are being sent at the moment"
        ),
        previews=Places(
            number["previews_at_once"], refusal="too many previews are being made at the moment"
        ),
        fetches=Places(
            number["fetches_at_once"], refusal="too many pictures are being fetched at the moment"
        ),
        readers=Places(readers, refusal="too many clients are slow at the moment"),
        free=left - readers,
    )


def build_room(settings: Settings, data: DataDir) -> DiskRoom:
    """Build what knows whether there is room for more files."""
    return DiskRoom(
        data.storage,
        floor=None if settings.disk_floor == "auto" else settings.disk_floor,
        max_stored=settings.max_stored,
        ledger=data.state / "stored-bytes",
    )


def build_cache(settings: Settings, data: DataDir) -> Cache:
    """Build what keeps all previews below their limit."""
    return Cache(
        [CacheFolder(data.previews), CacheFolder(data.sized, nested=True)],
        limit=settings.cache_max,
        ledger=data.state / "preview-bytes",
        lock=data.state / "preview-room",
        forget=Failures(data.previews).forget_old,
    )


def build_rate(settings: Settings, data: DataDir) -> Rate:
    """Build what counts the uploads of each address."""
    return Rate(data.state / "rates", per_minute=settings.uploads_per_minute)
