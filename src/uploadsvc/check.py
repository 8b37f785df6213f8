"""
Shows the settings in force, and proves that the installation can work with them.
"""

import json
import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from uploadsvc import images
from uploadsvc.app import compose
from uploadsvc.errors import BadSettings, UploadsvcError
from uploadsvc.openfiles import allow_open_files
from uploadsvc.parts import Parts, build
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
    for name, value in settings.model_dump(mode="json").items():
        # What JSON and TOML write differently is not among the settings.
        yield Line(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    yield Line("")
    yield Line("# what they lead to")
    try:
        parts = build(settings)
        compose(settings, parts)
    except UploadsvcError as error:
        yield Line(f"WRONG settings: {error}", is_problem=True)
        return
    yield Line("ok    settings: they fit together")
    data = parts.data
    proofs: list[tuple[str, Callable[[], str]]] = [
        ("decoders", lambda: _prove_decoders(parts)),
        ("open files", lambda: f"{allow_open_files(settings.threads)} at once are allowed"),
    ]
    if data.is_marked or data.storage.is_dir():
        proofs += [
            ("data_dir", lambda: _prove_marker(data)),
            ("Storage", lambda: _prove_writable(data.storage)),
            ("Previews", lambda: _prove_writable(data.previews)),
            ("Originals", lambda: _prove_made(data.originals)),
            ("Sized", lambda: _prove_made(data.sized)),
            ("Uploads", lambda: _prove_linked(data)),
            ("Progress", lambda: _prove_made(data.progress)),
            ("State", lambda: _prove_state(data.state)),
            ("room", lambda: _prove_room(parts, settings)),
        ]
    else:
        yield Line(f"      {data.path} is not made yet: the first start does that")
    for name, prove in proofs:
        try:
            yield Line(f"ok    {name}: {prove()}")
        except (UploadsvcError, OSError) as error:
            yield Line(f"WRONG {name}: {error}", is_problem=True)
    yield from (Line(f"      {name} {version}") for name, version in images.versions().items())


def _prove_marker(data: DataDir) -> str:
    if not data.is_marked:
        raise FileNotFoundError(f"{data.path} has no marker; `uploadsvc clean --adopt` accepts it")
    if not os.access(data.marker, os.W_OK):
        raise PermissionError(f"{data.marker} cannot be written by {_user()}")
    return f"{data.path.resolve()} is ours"


def _prove_state(folder: Path) -> str:
    for path in folder.iterdir():
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} cannot be written by {_user()}")
    return _prove_writable(folder)


def _prove_made(folder: Path) -> str:
    if not folder.is_dir():
        # Older installations have none.
        return "the next start makes it"
    return _prove_writable(folder)


def _prove_linked(data: DataDir) -> str:
    told = _prove_made(data.uploads)
    if not data.uploads.is_dir():
        return told
    with tempfile.NamedTemporaryFile(dir=data.uploads, prefix=partials.PREFIX) as file:
        second = data.storage / partials.new_partial()
        try:
            second.hardlink_to(file.name)
        except OSError:
            return f"{told}; finished uploads are copied, as files there have no second names"
        second.unlink()
    return f"{told}; finished uploads are not copied"


def _prove_writable(folder: Path) -> str:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=partials.PREFIX) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    return f"{_user()} can write and fsync there"


def _prove_room(parts: Parts, settings: Settings) -> str:
    if settings.max_stored and settings.max_stored < settings.max_upload:
        raise BadSettings("max_stored is smaller than max_upload")
    parts.room.check(settings.max_upload)
    return "there is room for a file of the largest size"


def _prove_decoders(parts: Parts) -> str:
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(_PIXEL)
            file.flush()
            picture = parts.decoders.draw(Path(file.name), images.Variant(images.Size(1, 1)))
    finally:
        parts.decoders.close()
    return f"a picture was drawn under the limits ({picture.media_type})"


def _user() -> str:
    try:
        return f"user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"user {os.geteuid()}"
