"""
Runs the service under gunicorn: one process for requests, many threads, one log line each.
"""

import signal
import socket
import sys
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication

from uploadsvc import observe
from uploadsvc.app import Parts, compose, prepare
from uploadsvc.errors import BadSettings
from uploadsvc.gunicorn_worker import worker
from uploadsvc.requestlog import request_logger
from uploadsvc.settings import Settings

_KEEP_ALIVE_SECONDS = 5
_LONGEST_REQUEST_LINE = 8190  # an address of a picture may be long


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; running uploads then have `stop_grace` to end."""
    observe.configure(settings.log_format)
    _check_free(settings.host, settings.port)
    # Made before the worker is: settings that do not fit together are told at once.
    parts = prepare(settings)
    _Server(settings, parts, compose(settings, parts)).run()


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
    def __init__(self, settings: Settings, parts: Parts, app: WSGIApplication) -> None:
        self._settings = settings
        self._parts = parts
        self._app = app
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        host = settings.host.strip("[]")
        host = f"[{host}]" if ":" in host else host
        options = {
            "bind": f"{host}:{settings.port}",
            "worker_class": worker(stall_timeout=settings.stall_timeout),
            "workers": 1,
            "threads": settings.threads,
            "worker_connections": max(1000, 2 * settings.threads),
            "graceful_timeout": max(1, round(settings.stop_grace.total_seconds())),
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
            "worker_exit": self._end_decoders,
            "proc_name": "uploadsvc",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        return self._app

    def _end_decoders(self, server: Any, worker: Any) -> None:
        # Ctrl-C reaches a worker twice, from the terminal and from its server; the second
        # time must not break into this.
        for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        self._parts.decoders.close()


def _say_where(server: Any) -> None:
    host, port = server.LISTENERS[0].sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"uploadsvc is serving on http://{shown}:{port}\n")
    sys.stdout.flush()
