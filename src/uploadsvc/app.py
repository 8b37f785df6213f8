"""
The composition root: settings in, the whole service out, or one endpoint of it.

With `parts` the only module that knows all of them.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from uploadsvc.errors import BadSettings
from uploadsvc.fetch import LOOP_HEADER
from uploadsvc.limits import Bounds
from uploadsvc.parts import Parts, prepare
from uploadsvc.settings import Settings
from uploadsvc.sized import ORIGINAL, claims
from uploadsvc.uploads import Received, adopt
from uploadsvc.web.cors import cross_origin
from uploadsvc.web.deletion import deletion
from uploadsvc.web.dispatch import is_under, mount
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.files import files
from uploadsvc.web.getpreview import getpreview
from uploadsvc.web.health import health
from uploadsvc.web.imageupload import image_upload
from uploadsvc.web.linger import lingering
from uploadsvc.web.page import page
from uploadsvc.web.proxies import behind_proxies
from uploadsvc.web.sendfile import sendfile
from uploadsvc.web.sized import sized
from uploadsvc.web.tus import tus
from uploadsvc.web.uploaded import uploaded
from uploadsvc.web.watched import upload_middleware

# Threads that listen to clients which were refused and still send.
_MOST_LISTENERS = 16


def make_app(settings: Settings) -> WSGIApplication:
    """Return the whole service as one WSGI application; makes `data_dir` ready."""
    return compose(settings, prepare(settings))


def compose(settings: Settings, parts: Parts) -> WSGIApplication:
    """Return the whole service, made of these parts."""
    endpoints = {
        "/sendfile": _sendfile(settings, parts),
        "/getpreview": _getpreview(settings, parts),
        "/healthz": health(),
        f"/{ORIGINAL}": _image_upload(settings, parts),
    }
    below = {
        "/delete": _delete(settings, parts),
        settings.tus_path: _tus(settings, parts),
        settings.storage_path: _files(settings, parts),
    }
    _check_paths(settings, taken=[*endpoints, "/delete", "/static", "/upload"])
    shown = _page(settings) if settings.page else None
    pictures = (claims, _sized(settings, parts))
    whole = mount(endpoints, below=below, claimed=pictures, rest=shown)
    return _wrapped(_upload(settings, parts, whole), settings, parts.bounds)


def _check_paths(settings: Settings, *, taken: list[str]) -> None:
    for name in ("storage_path", "tus_path"):
        path = getattr(settings, name)
        if any(is_under(path, other) for other in taken):
            raise BadSettings(f"{name}: {path} is the path of something else")
        taken.append(path)
    if is_under(settings.storage_path, settings.tus_path):
        raise BadSettings("storage_path: it is below tus_path")


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


def make_delete(settings: Settings) -> WSGIApplication:
    """Return what deletes files, to be mounted at `/delete`; makes `data_dir` ready."""
    parts = prepare(settings)
    return _wrapped(_delete(settings, parts), settings, parts.bounds)


def make_tus(settings: Settings) -> WSGIApplication:
    """Return resumable uploads alone, to be mounted at any path; makes `data_dir` ready."""
    parts = prepare(settings)
    return _wrapped(_tus(settings, parts), settings, parts.bounds)


def make_upload(settings: Settings) -> WSGIApplication:
    """Return watched uploads alone, to be mounted at `/upload`; makes `data_dir` ready."""
    parts = prepare(settings)
    return _wrapped(_upload(settings, parts, uploaded()), settings, parts.bounds)


def _upload(settings: Settings, parts: Parts, rest: WSGIApplication) -> WSGIApplication:
    told = uploaded()

    def by_path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Whatever its path, an upload that was taken is nobody else's.
        app = told if "uploadsvc.upload" in environ else rest
        return app(environ, start_response)

    def store(file: Path, name: str, life: timedelta | None) -> Received:
        return adopt(parts.storage, name, file, keep=settings.keep, life=life)

    return upload_middleware(
        by_path,
        parts.watched,
        max_file=settings.max_upload,
        store=store,
        respond=parts.answers.respond,
        may_upload=parts.rate.check,
        place=parts.bounds.uploads.one,
        listeners=0,
    )


def _page(settings: Settings) -> WSGIApplication:
    return page(max_upload=settings.max_upload, keep=settings.keep, tus_path=settings.tus_path)


def _sendfile(settings: Settings, parts: Parts) -> WSGIApplication:
    endpoint = sendfile(
        parts.storage,
        links=parts.links,
        max_upload=settings.max_upload,
        keep=settings.keep,
        answers=parts.answers,
        may_upload=parts.rate.check,
        place=parts.bounds.uploads.one,
    )
    return _open_to_pages(endpoint, settings)


def _image_upload(settings: Settings, parts: Parts) -> WSGIApplication:
    return image_upload(
        parts.images,
        links=parts.links,
        max_upload=settings.max_upload,
        is_open=settings.image_uploads,
        may_upload=parts.rate.check,
        place=parts.bounds.uploads.one,
    )


def _sized(settings: Settings, parts: Parts) -> WSGIApplication:
    return sized(parts.images, avif=settings.avif, begin_sending=parts.bounds.downloads.take)


def _getpreview(settings: Settings, parts: Parts) -> WSGIApplication:
    return getpreview(
        parts.previews,
        max_side=settings.max_side,
        loop_header=LOOP_HEADER,
        avif=settings.avif,
        begin_sending=parts.bounds.downloads.take,
    )


def _delete(settings: Settings, parts: Parts) -> WSGIApplication:
    endpoint = deletion(parts.take_down, tokens=parts.tokens)
    return _open_to_pages(endpoint, settings)


def _tus(settings: Settings, parts: Parts) -> WSGIApplication:
    endpoint = tus(
        parts.unfinished,
        links=parts.links,
        answers=parts.answers,
        serve_file=_files(settings, parts),
        may_upload=parts.rate.check,
        place=parts.bounds.uploads.one,
    )
    return _open_to_pages(endpoint, settings)


def _open_to_pages(endpoint: WSGIApplication, settings: Settings) -> WSGIApplication:
    # Errors are answered inside, so that a page of another origin may read them.
    return cross_origin(answer_errors(endpoint), origins=settings.cors_origins)


def _wrapped(app: WSGIApplication, settings: Settings, bounds: Bounds) -> WSGIApplication:
    return lingering(
        answer_errors(behind_proxies(app, trusted=settings.trusted_proxies)),
        at_once=min(_MOST_LISTENERS, bounds.free // 2),
    )


def _files(settings: Settings, parts: Parts) -> WSGIApplication:
    return files(
        parts.storage,
        keep=settings.keep,
        send_files=settings.send_files,
        begin_sending=parts.bounds.downloads.take,
    )
