"""
Runs the service under gunicorn: one process for requests, many threads, one log line each.

SIGTERM ends it: running requests have `stop_grace` for that. SIGHUP loads the settings anew:
a second process takes all new requests, and the first ends when its last one has.
"""

import logging
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from gunicorn.app.base import BaseApplication

from uploadsvc import observe
from uploadsvc.app import compose
from uploadsvc.errors import BadSettings, UploadsvcError
from uploadsvc.gunicorn_arbiter import GracefulArbiter
from uploadsvc.gunicorn_worker import worker
from uploadsvc.heap import keep_freed
from uploadsvc.openfiles import TooFewOpenFiles, allow_open_files, connections
from uploadsvc.parts import prepare
from uploadsvc.requestlog import request_logger
from uploadsvc.settings import Settings

log = logging.getLogger(__name__)

_KEEP_ALIVE_SECONDS = 5
_HANGING_SECONDS = 300
_LONGEST_REQUEST_LINE = 8190  # an address of a picture may be long
_LARGEST_KEPT, _KEPT = 1 << 22, 1 << 24


def serve(load: Callable[[], Settings]) -> None:
    """
    Serve until SIGTERM or SIGINT, with the settings that `load` returns.

    It is asked again at each SIGHUP. What it raises then is logged, and the settings stay.
    """
    settings = load()
    observe.configure(settings.log_format)
    _check_free(settings.host, settings.port)
    _allow_open_files(settings)
    # The buffers of uploads: a third of the work of a megabyte was to get the memory for them.
    keep_freed(largest=_LARGEST_KEPT, at_most=_KEPT)
    _Server(settings, load).run()


def _allow_open_files(settings: Settings) -> None:
    try:
        allow_open_files(settings.threads)
    except TooFewOpenFiles as error:
        log.warning("%s", error)


def _check_free(host: str, port: int) -> None:
    try:
        [(family, *_, address), *_] = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM
        )
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        raise BadSettings(f"cannot listen on {host}:{port}: {error.strerror}") from error


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, settings: Settings, load: Callable[[], Settings]) -> None:
        self._load = load
        self._use(settings)
        # How often the settings were loaded anew, seen by the processes that were started before.
        self._reloads = mmap.mmap(-1, 8)
        self._known_reloads = self._count_reloads()
        super().__init__()

    def _use(self, settings: Settings) -> None:
        # Made before the worker is: settings that do not fit together are told at once.
        parts = prepare(settings)
        app = compose(settings, parts)
        self._settings, self._parts, self._app = settings, parts, app

    def run(self) -> None:
        GracefulArbiter(self).run()

    @property
    def stop_grace(self) -> int:
        """Seconds that running requests have when the service is stopped."""
        return max(1, round(self._settings.stop_grace.total_seconds()))

    def let_go_of_uploads(self) -> None:
        """End what can go on later, and keep what has come of it."""
        self._parts.unfinished.let_all_go()

    def load_config(self) -> None:
        settings = self._settings
        host = settings.host.strip("[]")
        host = f"[{host}]" if ":" in host else host
        options = {
            "bind": f"{host}:{settings.port}",
            "worker_class": worker(
                stall_timeout=settings.stall_timeout, readers=self._parts.bounds.readers
            ),
            "workers": 1,
            "threads": settings.threads,
            "worker_connections": connections(settings.threads),
            # For a reload, which waits for nobody; at a stop it is `stop_grace`.
            "graceful_timeout": 1,
            # The thread that listens looks into the file system, which may hang for a while.
            "timeout": _HANGING_SECONDS,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "limit_request_line": _LONGEST_REQUEST_LINE,
            # Which proxies are believed is decided by `trusted_proxies` alone.
            "forwarded_allow_ips": "",
            "proxy_allow_ips": "",
            # Nothing is written outside data_dir.
            "control_socket_disable": True,
            "worker_tmp_dir": str(self._parts.data.state.absolute()),
            "logger_class": request_logger(settings.storage_path),
            "loglevel": "warning",
            "when_ready": _say_where,
            "post_request": _remember,
            "post_worker_init": _let_settings_be,
            "worker_exit": self._end_decoders,
            "proc_name": "uploadsvc",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        return self._app

    def reload(self) -> None:
        """Called at SIGHUP, before the worker that takes over is started."""
        try:
            settings = self._load().changed(host=self._settings.host, port=self._settings.port)
            self._use(settings)
        except (UploadsvcError, OSError) as error:
            log.error("the settings stay as they were: %s", error)
        else:
            log.info("the settings were loaded anew")
            observe.configure(settings.log_format)
            _allow_open_files(settings)
        self.callable = None
        super().reload()
        self._known_reloads += 1
        self._reloads[:] = self._known_reloads.to_bytes(8)

    def is_replaced(self) -> bool:
        """Whether another worker has taken over from the one that asks."""
        return self._count_reloads() > self._known_reloads

    def _count_reloads(self) -> int:
        return int.from_bytes(self._reloads[:])

    def _end_decoders(self, server: Any, worker: Any) -> None:
        if worker.pid != os.getpid():
            # Called by the arbiter, of a worker that was gone already.
            return
        # Ctrl-C reaches a worker twice, from the terminal and from its server; the second
        # time must not break into this.
        for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        self._parts.decoders.close()


def _remember(worker: Any, req: Any, environ: WSGIEnvironment, resp: Any) -> None:
    worker.remember(req, environ, resp)


def _let_settings_be(worker: Any) -> None:
    """Make gunicorn's settings attributes: it looks them up by a function 20 times a request."""
    found = {name: setting.get() for name, setting in worker.cfg.settings.items()}
    # This one is set when the worker ends.
    del found["graceful_timeout"]
    vars(worker.cfg).update(found)


def _say_where(server: Any) -> None:
    host, port = server.LISTENERS[0].sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"uploadsvc is serving on http://{shown}:{port}\n")
    sys.stdout.flush()
