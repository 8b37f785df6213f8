"""
Shows the settings in force, and proves that the installation can work with them.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from uploadsvc import images
from uploadsvc.app import build
from uploadsvc.errors import UploadsvcError
from uploadsvc.settings import Settings
from uploadsvc.storage import partials
from uploadsvc.storage.datadir import DataDir


@dataclass(frozen=True)
class Line:
    text: str
    is_problem: bool = False


# The smallest picture there is: a GIF of one pixel.
_PIXEL = bytes.fromhex("47494638396101000100800000ff0000ffffff2c00000000010001000002024401003b")


def check(settings: Settings) -> Iterator[Line]:
    """Yield what to show: every setting, then every proof, good or bad."""
    yield Line("# the settings in force, as they could stand in the configuration")
    for name, value in settings.model_dump().items():
        yield Line(f"{name} = {_as_toml(name, value)}")
    yield Line("")
    yield Line("# what they lead to")
    data = DataDir(settings.data_dir)
    proofs: list[tuple[str, Callable[[], str]]] = [
        ("settings", lambda: _prove_parts(settings)),
        ("data_dir", lambda: _prove_marker(data)),
        ("Storage", lambda: _prove_writable(data.storage)),
        ("Previews", lambda: _prove_writable(data.previews)),
        ("State", lambda: _prove_writable(data.state)),
        ("room", lambda: _prove_room(settings)),
        ("decoders", lambda: _prove_decoders(settings, data)),
    ]
    for name, prove in proofs:
        try:
            yield Line(f"ok    {name}: {prove()}")
        except (UploadsvcError, OSError) as error:
            yield Line(f"WRONG {name}: {error}", is_problem=True)
    yield from (Line(f"      {name} {version}") for name, version in images.versions().items())


def _prove_parts(settings: Settings) -> str:
    build(settings)
    return "they fit together"


def _prove_marker(data: DataDir) -> str:
    if not data.path.is_dir():
        raise FileNotFoundError(f"{data.path} is not there; `uploadsvc serve` makes it")
    if not data.is_marked:
        raise FileNotFoundError(f"{data.path} has no marker; see `uploadsvc clean --adopt`")
    return f"{data.path.resolve()} is ours"


def _prove_writable(folder: Path) -> str:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=partials.PREFIX) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    return f"user {os.geteuid()} can write and fsync there"


def _prove_room(settings: Settings) -> str:
    parts = build(settings)
    parts.room.check(settings.max_upload)
    return "there is room for a file of the largest size"


def _prove_decoders(settings: Settings, data: DataDir) -> str:
    decoders = build(settings).decoders
    try:
        with tempfile.NamedTemporaryFile(dir=data.state) as file:
            file.write(_PIXEL)
            file.flush()
            picture = decoders.draw(Path(file.name), images.Size(1, 1))
    finally:
        decoders.close()
    return f"a picture was drawn under the limits ({picture.media_type})"


def _as_toml(name: str, value: object) -> str:
    """Return a setting's value as it could stand in the configuration."""
    if name in ("file_mode", "dir_mode"):
        return f'"{value:04o}"'
    match value:
        case timedelta():
            return f'"{_in_units(value)}"'
        case tuple():
            return json.dumps(list(value))
        case Path() | str():
            return json.dumps(str(value), ensure_ascii=False)
        case _:
            # TOML writes numbers and yes and no as JSON does.
            return json.dumps(value)


def _in_units(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length:g}{unit}"
    return f"{seconds:g}s"
