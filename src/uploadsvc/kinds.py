"""
The kinds of values that settings have: how each is written, and what is wrong with others.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ByteSize, Field, PlainSerializer, SecretStr

_LONGEST = 3660 * 86400
_SIZE = r"[0-9]+(\.[0-9]+)?\s*([kKMGT]i?)?B?"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)", str(value).strip())
    if not match:
        raise ValueError("must be seconds, or a number with s, m, h or d behind it")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise ValueError("must not be longer than ten years")
    return timedelta(seconds=seconds)


def _size(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_SIZE, value.strip()):
        raise ValueError("must be bytes, or a number with a unit such as MB or MiB behind it")
    return value


def _path(value: object) -> object:
    if value == "":
        raise ValueError("must not be empty")
    return value


def _mode(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"(0o?)?[0-7]{3,4}", value):
            raise ValueError("must be an octal mode such as 0644")
        return int(value.removeprefix("0o"), 8)
    return value


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    with contextlib.suppress(json.JSONDecodeError):
        # JSON too; what only looks like it is an IPv6 address in brackets.
        if isinstance(listed := json.loads(value), list):
            return listed
    return [item.strip() for item in value.split(",") if item.strip()]


def _named(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with contextlib.suppress(json.JSONDecodeError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        return [f"{name}={size}" for name, size in value.items()]
    return _listed(value)


def _duration_in_units(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{int(seconds) if seconds.is_integer() else seconds}s"


# Each is written in JSON, and so by `uploadsvc check`, as it may stand in the file.
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(_duration_in_units, when_used="json"),
]
Size = Annotated[ByteSize, BeforeValidator(_size)]
Time = Annotated[Duration, Field(gt=timedelta(0))]
Mode = Annotated[
    int,
    BeforeValidator(_mode),
    Field(ge=0o400, le=0o777),
    PlainSerializer(lambda mode: f"{mode:04o}", when_used="json"),
]
Folder = Annotated[Path, BeforeValidator(_path)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
NamedSizes = Annotated[tuple[str, ...], BeforeValidator(_named)]
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_listed)]
