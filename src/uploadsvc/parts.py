"""
All parts of the service, built from the settings and joined with one another.

Nothing is started here: decoders start with the first preview.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from uploadsvc.addresses import AddressPreviews
from uploadsvc.cache import Cache
from uploadsvc.dimensions import Dimensions
from uploadsvc.drawing import build_decoders
from uploadsvc.failures import Failures
from uploadsvc.fetch import Fetcher
from uploadsvc.images import Decoders
from uploadsvc.limits import Bounds, build_bounds, build_cache, build_rate, build_room
from uploadsvc.links import Links
from uploadsvc.previews import Previews
from uploadsvc.rates import Rate
from uploadsvc.receiving import build_unfinished, build_watched
from uploadsvc.removal import remove
from uploadsvc.settings import Settings
from uploadsvc.signers import (
    build_delete_tokens,
    build_no_tokens,
    build_size_signer,
    prepare_secret,
)
from uploadsvc.sized import Images, Records, Sizes
from uploadsvc.sources import Sources
from uploadsvc.storage import Key
from uploadsvc.storage.cached import mark_used
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.room import DiskRoom
from uploadsvc.tokens import Tokens
from uploadsvc.tracking import TrackedUploads
from uploadsvc.tus import Uploads
from uploadsvc.web.answers import Answers

# How much longer than its parts may take somebody waits for a preview that another makes.
_PATIENCE_SLACK = 5

# Seconds. An upload waits no longer for a decoder that may tell what picture it is.
_PROBE_PATIENCE = 2


@dataclass(frozen=True)
class Parts:
    """What the endpoints and the commands work with."""

    data: DataDir
    storage: LocalStorage
    originals: LocalStorage
    room: DiskRoom
    rate: Rate
    bounds: Bounds
    links: Links
    tokens: Tokens
    """That allow to delete a file."""
    answers: Answers
    fetcher: Fetcher
    decoders: Decoders
    previews: AddressPreviews
    images: Images
    unfinished: Uploads
    watched: TrackedUploads
    take_down: Callable[[Key], object]
    """Removes a stored file, and every preview of it."""


def prepare(settings: Settings) -> Parts:
    """Make `data_dir` ready and build the parts."""
    data = DataDir(settings.data_dir)
    data.prepare(dir_mode=settings.dir_mode)
    prepare_secret(settings, data)
    return _counted(build(settings))


def make_images(settings: Settings) -> Images:
    """Return the pictures by ID, for programs; makes `data_dir` ready."""
    DataDir(settings.data_dir).prepare(dir_mode=settings.dir_mode)
    # A program of another user cannot read the service's secret, and needs none.
    return _counted(build(settings, tokens=build_no_tokens())).images


def _counted(parts: Parts) -> Parts:
    if parts.room.is_limited:
        # What is there may be older than the limit, and so than its ledger.
        kept = itertools.chain(parts.storage, parts.originals)
        parts.room.recount(sum(stored.size for stored in kept))
    return parts


def build(settings: Settings, *, tokens: Tokens | None = None) -> Parts:
    """
    Build the parts. Raise `BadSettings` for what cannot work together.

    `tokens` allow to delete files; by default they are signed as the settings say.
    """
    data = DataDir(settings.data_dir)
    room = build_room(settings, data)
    bounds = build_bounds(settings)
    links = _links(settings)
    fetcher = _fetcher(settings)
    decoders = build_decoders(settings)
    cache = build_cache(settings, data)
    failures = Failures(data.previews, added=cache.added)
    sources = Sources(
        data.previews,
        fetch=_bounded(fetcher, bounds),
        check_room=room.check_disk,
        failures=failures,
    )
    storage, originals = _storages(settings, data, room)
    take_down = partial(remove, storage, previews=data.previews)
    previews, sized = (
        _previews(settings, root, sources, decoders, bounds, cache, room, failures)
        for root in (data.previews, data.sized)
    )
    tokens = tokens or build_delete_tokens(settings, data)
    dimensions = Dimensions(
        storage,
        sources,
        probe=partial(decoders.measure, patience=_PROBE_PATIENCE),
        failures=failures,
    )
    return Parts(
        data=data,
        storage=storage,
        originals=originals,
        room=room,
        rate=build_rate(settings, data),
        bounds=bounds,
        links=links,
        tokens=tokens,
        answers=Answers(links, tokens=tokens, probe=dimensions.of),
        fetcher=fetcher,
        decoders=decoders,
        previews=AddressPreviews(storage, links, previews, notes=data.previews),
        images=_images(settings, originals, decoders, sources, sized),
        unfinished=build_unfinished(settings, storage, room, take_down),
        watched=build_watched(settings, storage, room, take_down),
        take_down=take_down,
    )


def _storages(
    settings: Settings, data: DataDir, room: DiskRoom
) -> tuple[LocalStorage, LocalStorage]:
    """Build that of the files that go, and that of the pictures that stay."""
    storage, originals = (
        LocalStorage(
            root, file_mode=settings.file_mode, dir_mode=settings.dir_mode, room=room, keep=keep
        )
        for root, keep in ((data.storage, settings.keep), (data.originals, None))
    )
    return storage, originals


def _previews(
    settings: Settings,
    root: Path,
    sources: Sources,
    decoders: Decoders,
    bounds: Bounds,
    cache: Cache,
    room: DiskRoom,
    failures: Failures,
) -> Previews:
    return Previews(
        root,
        sources,
        draw=decoders.draw,
        failures=failures,
        keep=settings.keep,
        patience=_patience(settings),
        wait=bounds.previews.one,
        check_room=_room_in(cache, room),
        added=cache.added,
        used=mark_used,
        file_mode=settings.file_mode,
        dir_mode=settings.dir_mode,
    )


def _links(settings: Settings) -> Links:
    return Links(
        storage_path=settings.storage_path,
        public_url=settings.public_url,
        own_hosts=settings.own_hosts,
    )


def _fetcher(settings: Settings) -> Fetcher:
    return Fetcher(
        allow=settings.fetch_allow,
        block=settings.fetch_block,
        max_bytes=settings.fetch_max,
        seconds=settings.fetch_timeout.total_seconds(),
        connect_seconds=settings.fetch_connect_timeout.total_seconds(),
        max_redirects=settings.fetch_redirects,
    )


def _images(
    settings: Settings,
    originals: LocalStorage,
    decoders: Decoders,
    sources: Sources,
    previews: Previews,
) -> Images:
    data = DataDir(settings.data_dir)
    return Images(
        originals,
        settings.public_url,
        records=Records(data.originals, file_mode=settings.file_mode, dir_mode=settings.dir_mode),
        probe=decoders.probe,
        opened=sources.opened,
        previews=previews,
        cache=data.sized,
        sizes=Sizes(
            named=settings.named_sizes,
            open_sizes=settings.open_sizes,
            max_side=settings.max_side,
            signer=build_size_signer(settings),
        ),
        sizes_per_picture=settings.sizes_per_picture,
        alt=settings.image_alt,
        close=decoders.close,
    )


def _patience(settings: Settings) -> float:
    return (settings.fetch_timeout + settings.decode_seconds).total_seconds() + _PATIENCE_SLACK


def _room_in(cache: Cache, room: DiskRoom) -> Callable[[int], None]:
    def check(incoming: int) -> None:
        room.check_disk(incoming)
        cache.check(incoming)

    return check


def _bounded(fetcher: Fetcher, bounds: Bounds) -> Callable[[str, BinaryIO], None]:
    def fetch(address: str, into: BinaryIO) -> None:
        with bounds.fetches.one():
            fetcher.fetch(address, into)

    return fetch
