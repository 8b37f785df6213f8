"""
The composition root: settings in, the whole service out, or one endpoint of it.

The only module that knows all the parts. Nothing is started here: decoders start with the
first preview.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from wsgiref.types import WSGIApplication

from uploadsvc.errors import BadSettings
from uploadsvc.fetch import LOOP_HEADER, Fetcher
from uploadsvc.images import Decoders
from uploadsvc.limits import Bounds, build_bounds, build_rate, build_room
from uploadsvc.links import Links
from uploadsvc.previews import Previews
from uploadsvc.rates import Rate
from uploadsvc.settings import Settings
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.local import LocalStorage
from uploadsvc.storage.room import DiskRoom
from uploadsvc.web.dispatch import is_under, mount
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.files import files
from uploadsvc.web.getpreview import getpreview
from uploadsvc.web.health import health
from uploadsvc.web.linger import lingering
from uploadsvc.web.page import page
from uploadsvc.web.proxies import behind_proxies
from uploadsvc.web.sendfile import sendfile

# How much longer than its parts may take somebody waits for a preview that another makes.
_PATIENCE_SLACK = 5

# Threads that listen to clients which were refused and still send.
_MOST_LISTENERS = 16


@dataclass(frozen=True)
class Parts:
    """What the endpoints and the commands work with, built from the settings."""

    data: DataDir
    storage: LocalStorage
    room: DiskRoom
    rate: Rate
    bounds: Bounds
    links: Links
    fetcher: Fetcher
    decoders: Decoders
    previews: Previews


def build(settings: Settings) -> Parts:
    """Build the parts. Raise `BadSettings` for what cannot work together."""
    data = DataDir(settings.data_dir)
    room = build_room(settings, data)
    bounds = build_bounds(settings)
    storage = LocalStorage(
        data.storage, file_mode=settings.file_mode, dir_mode=settings.dir_mode, room=room
    )
    links = Links(
        storage_path=settings.storage_path,
        public_url=settings.public_url,
        own_hosts=settings.own_hosts,
    )
    fetcher = Fetcher(
        allow=settings.fetch_allow,
        block=settings.fetch_block,
        max_bytes=settings.fetch_max,
        seconds=settings.fetch_timeout.total_seconds(),
        connect_seconds=settings.fetch_connect_timeout.total_seconds(),
        max_redirects=settings.fetch_redirects,
    )
    decoders = Decoders(
        workers=settings.decoders or os.cpu_count() or 1,
        memory=settings.decode_memory,
        seconds=settings.decode_seconds.total_seconds(),
        max_pixels=settings.max_pixels,
    )
    return Parts(
        data=data,
        storage=storage,
        room=room,
        rate=build_rate(settings, data),
        bounds=bounds,
        links=links,
        fetcher=fetcher,
        decoders=decoders,
        previews=Previews(
            storage,
            data.previews,
            links=links,
            fetch=_bounded(fetcher, bounds),
            draw=decoders.draw,
            keep=settings.keep,
            patience=(settings.fetch_timeout + settings.decode_seconds).total_seconds()
            + _PATIENCE_SLACK,
            wait=bounds.previews.one,
            check_room=room.check_disk,
            file_mode=settings.file_mode,
        ),
    )


def make_app(settings: Settings) -> WSGIApplication:
    """Return the whole service as one WSGI application; makes `data_dir` ready."""
    return compose(settings, prepare(settings))


def compose(settings: Settings, parts: Parts) -> WSGIApplication:
    """Return the whole service, made of these parts."""
    endpoints = {
        "/sendfile": _sendfile(settings, parts),
        "/getpreview": _getpreview(settings, parts),
        "/healthz": health(),
    }
    if any(is_under(settings.storage_path, taken) for taken in (*endpoints, "/static")):
        raise BadSettings(f"storage_path: {settings.storage_path} is the path of something else")
    stored = {settings.storage_path: _files(settings, parts)}
    shown = page(max_upload=settings.max_upload, keep=settings.keep) if settings.page else None
    return _wrapped(mount(endpoints, below=stored, rest=shown), settings, parts.bounds)


def make_sendfile(settings: Settings) -> WSGIApplication:
    """Return `/sendfile` alone, to be mounted at any path; makes `data_dir` ready."""
    parts = prepare(settings)
    return _wrapped(_sendfile(settings, parts), settings, parts.bounds)


def make_getpreview(settings: Settings) -> WSGIApplication:
    """Return `/getpreview` alone, to be mounted at any path; makes `data_dir` ready."""
    parts = prepare(settings)
    return _wrapped(_getpreview(settings, parts), settings, parts.bounds)


def make_files(settings: Settings) -> WSGIApplication:
    """Return what serves the stored files, to be mounted at `storage_path`."""
    parts = prepare(settings)
    return _wrapped(_files(settings, parts), settings, parts.bounds)


def prepare(settings: Settings) -> Parts:
    """Make `data_dir` ready and build the parts."""
    DataDir(settings.data_dir).prepare(dir_mode=settings.dir_mode)
    parts = build(settings)
    if parts.room.is_limited:
        # What is there may be older than the limit, and so than its ledger.
        parts.room.recount(sum(stored.size for stored in parts.storage))
    return parts


def _sendfile(settings: Settings, parts: Parts) -> WSGIApplication:
    return sendfile(
        parts.storage,
        links=parts.links,
        max_upload=settings.max_upload,
        keep=settings.keep,
        may_upload=parts.rate.check,
        place=parts.bounds.uploads.one,
    )


def _getpreview(settings: Settings, parts: Parts) -> WSGIApplication:
    return getpreview(
        parts.previews,
        max_side=settings.max_side,
        loop_header=LOOP_HEADER,
        begin_sending=parts.bounds.downloads.take,
    )


def _wrapped(app: WSGIApplication, settings: Settings, bounds: Bounds) -> WSGIApplication:
    return lingering(
        answer_errors(behind_proxies(app, trusted=settings.trusted_proxies)),
        at_once=min(_MOST_LISTENERS, bounds.free // 2),
    )


def _bounded(fetcher: Fetcher, bounds: Bounds) -> Callable[[str, BinaryIO], None]:
    def fetch(address: str, into: BinaryIO) -> None:
        with bounds.fetches.one():
            fetcher.fetch(address, into)

    return fetch


def _files(settings: Settings, parts: Parts) -> WSGIApplication:
    return files(
        parts.storage,
        keep=settings.keep,
        send_files=settings.send_files,
        begin_sending=parts.bounds.downloads.take,
    )
