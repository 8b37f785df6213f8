"""
Logging: one line an event, plain or JSON, and nothing in it that gives a file away.

A link is the only secret there is, so a folder's name is cut to its first three
characters; JIDs are never logged. Components log with `logging.getLogger(__name__)` and
never configure it: entry points do, with `configure`.
"""

import json
import logging
import random
import re
import sys
import time
from collections.abc import Container, MutableMapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

LogFormat = Literal["plain", "json"]

_HINT = 3
"""Characters of a folder's name that may be logged."""

_UNPRINTABLE = re.compile(r"[^\x20-\x7e…]")

requests = logging.getLogger("uploadsvc.requests")


@dataclass(frozen=True)
class RequestLine:
    """What is logged of a request when it is answered."""

    id: str
    client: str
    method: str
    path: str
    status: int
    bytes: int
    seconds: float
    code: str = "-"
    """Of the error that it was refused with."""


def request_id(environ: MutableMapping[str, Any]) -> str:
    """Return the id of a request, by which all that is logged of it is found."""
    return str(environ.setdefault("uploadsvc.request_id", new_request_id()))


def new_request_id() -> str:
    """Return an id that no other request has."""
    # It is no secret, so that the system need not be asked for it.
    return f"{random.getrandbits(48):012x}"


def log_request(line: RequestLine) -> None:
    requests.log(
        logging.WARNING if line.status >= 500 else logging.INFO,
        "%s %s %s %s %d %d %.3f %s",
        line.id,
        line.client,
        line.method,
        line.path,
        line.status,
        line.bytes,
        line.seconds,
        line.code,
        extra={"request": line},
    )


def loggable(path: str, *, storage_path: str, known: Container[str]) -> str:
    """
    Return a request's path as it may be logged.

    `known` paths are logged as they are. Of all others, a link or a mistyped one among them,
    each part is cut to a hint.
    """
    if path in known:
        return _printable(path)
    prefix = storage_path.rstrip("/") + "/"
    if path.startswith(prefix):
        return prefix + _printable(path.removeprefix(prefix)[:_HINT]) + "…"
    parts = (part if len(part) <= _HINT else f"{part[:_HINT]}…" for part in path.split("/"))
    return _printable("/".join(parts))


def configure(log_format: LogFormat, *, level: int = logging.INFO) -> None:
    """Send all log lines to standard error in the given format."""
    # No line tells them, and asking for them costs as much as all the rest of a line; nor where
    # in the code it was written (logging, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _PlainFormatter())
    root = logging.getLogger("uploadsvc")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = f"{_second(int(record.created))},{int(record.msecs):03}"
        line = f"{time} {record.levelname} {record.name}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


@lru_cache(maxsize=1)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        line = getattr(record, "request", None)
        entry |= asdict(line) if line else {"message": record.getMessage()}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
