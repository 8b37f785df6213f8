"""
Kills an upload before each single call of the system that it makes, and goes on afterwards.

Run with the name of a scenario and an empty folder; tells, in JSON, how many calls there were
and what was wrong after a kill before one of them. Each run is a process of its own.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from uploadsvc.errors import BrokenOff
from uploadsvc.storage.age import Age
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.leftovers import left_over
from uploadsvc.storage.local import LocalStorage
from uploadsvc.tus import Asking, Uploads, uploads
from uploadsvc.tus.checksum import Checksum
from uploadsvc.tus.expiry import expire_uploads
from uploadsvc.tus.metadata import Metadata
from uploadsvc.tus.protocol import Append, Creation

DATA = bytes(range(256)) * 1000
SIZE = len(DATA)
CALLS = (
    *("open", "close", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "copy_file_range"),
    *("rename", "link", "unlink", "mkdir", "rmdir", "chmod", "fchmod", "utime"),
    *("listdir", "lstat", "stat"),
)
HOUR = timedelta(hours=1)
ID = "A" * 22
NOTHING_YET, REMOVING, REMOVED = -1, -2, -3


class World:
    """A folder, what the client was told so far, and the uploads in it."""

    def __init__(self, folder):
        self.data = DataDir(folder / "data")
        self.data.prepare(dir_mode=0o755)
        self._told = os.open(folder / "told", os.O_RDWR | os.O_CREAT)
        self.tell(NOTHING_YET)
        self.storage = LocalStorage(self.data.storage)
        self.uploads = Uploads(
            self.data.uploads,
            self.storage,
            keep=24 * HOUR,
            keep_partial=HOUR,
            max_size=10**9,
            asking=Asking(self.data.state / "asked"),
        )

    def tell(self, offset):
        os.pwrite(self._told, b"%10d" % offset, 0)

    @property
    def told(self):
        return int(os.pread(self._told, 10, 0))

    def append(self, begin, pieces, *, length=SIZE, id=ID, checksum=None):
        left = (length or SIZE) - begin
        with self.uploads.held(id) as upload:
            upload.append(pieces, Append(left, length, checksum, incoming=left))


def resumed(world, *, metadata="", length=SIZE):
    world.uploads.create(Creation(length, Metadata.parse(metadata)))
    world.tell(0)
    world.append(0, [DATA[:50_000]], length=length)
    world.tell(50_000)
    with contextlib.suppress(BrokenOff):
        world.append(50_000, breaks_off(), length=length)
    world.tell(60_000)
    digest = hashlib.sha1(DATA[60_000:]).digest()
    world.append(60_000, [DATA[60_000:]], checksum=Checksum("sha1", digest))
    world.tell(SIZE)


def breaks_off():
    yield DATA[50_000:60_000]
    raise BrokenOff("the body broke off")


def short_lived(world):
    expires = base64.b64encode(b"600").decode()
    resumed(world, metadata=f"filename YS50eHQ=,expires {expires}")


def deferred(world):
    resumed(world, length=None)


def joined(world):
    parts = []
    for name, data in (("B", DATA[:100_000]), ("C", DATA[100_000:])):
        uploads._new_id = lambda name=name: name * 22
        parts.append(world.uploads.create(Creation(len(data), is_partial=True)).id)
        world.append(0, [data], length=len(data), id=parts[-1])
    uploads._new_id = lambda: ID
    world.uploads.create(Creation(None, parts=tuple(parts)))
    world.tell(SIZE)


def moved(world):
    """Naive: the bytes leave their place before they are a stored file."""

    def adopt(file, name, *, folder, aged_ns):
        data = file.read_bytes()
        file.unlink()
        return world.storage.save(name, [data], folder=lambda: folder)

    world.storage.adopt = adopt
    resumed(world)


def whole(world):
    world.uploads.create_whole(Creation(SIZE), iter([DATA]), hashed=True)
    world.tell(SIZE)


def removed(world):
    resumed(world)
    world.tell(REMOVING)
    with world.uploads.held(ID, to_remove=True) as upload:
        upload.remove()
    world.tell(REMOVED)


def run(scenario, number, folder):
    """Run it, killed before that call; return whether it came to its end, and what was wrong."""
    world = World(folder)
    child = os.fork()
    if child == 0:
        kill_before(number)
        scenario(world)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("the scenario itself went wrong")
    sweep(world.data)
    return os.WIFEXITED(status), list(problems(world))


def kill_before(number):
    left = number

    def counting(call):
        def counted(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    for name in CALLS:
        setattr(os, name, counting(getattr(os, name)))


def sweep(data):
    """What the cleaner does at that moment."""
    age = Age(now=time.time_ns(), keep=3600 * 10**9)
    list(left_over(data.storage, remove=True))
    list(expire_uploads(data.uploads, LocalStorage(data.storage), age, remove=True))


def problems(world):
    told = world.told
    if told == REMOVED:
        if list(world.storage) or list(world.data.uploads.iterdir()):
            yield "something is left of an upload that was removed"
        return
    file = world.data.uploads / f"{ID}.bytes"
    if not (world.data.uploads / f"{ID}.record").exists():
        if told not in (NOTHING_YET, REMOVING):
            yield f"{told} bytes were told and the upload is not there"
        return
    try:
        offset = go_on(world, file)
    except Exception as error:
        if told not in (NOTHING_YET, REMOVING):
            yield f"after {told} bytes: {error!r}"
        return
    if offset < max(told, 0):
        yield f"{told} bytes were told and {offset} are counted"
    stored = [world.data.storage / each.key.folder / each.key.name for each in world.storage]
    if [path.read_bytes() for path in stored] != [DATA]:
        yield f"{len(stored)} files, or a different one"
    if file.exists():
        yield "bytes are left beside the stored file"


def go_on(world, file):
    """Do what a client does next; return the offset that it was told."""
    with world.uploads.held(ID) as upload:
        offset = upload.upload.offset
        if file.exists() and file.read_bytes()[:offset] != DATA[:offset]:
            raise ValueError("what is counted is not what was sent")
        if offset < SIZE:
            upload.append([DATA[offset:]], Append(SIZE - offset, SIZE, None))
    return offset


def main():
    scenario, folder = globals()[sys.argv[1]], Path(sys.argv[2])
    uploads._new_id = lambda: ID
    wrong, number, ended = [], 0, False
    while not ended:
        here = folder / str(number)
        here.mkdir()
        ended, found = run(scenario, number, here)
        wrong += [f"before call {number}: {each}" for each in found]
        shutil.rmtree(here)
        number += 1
    sys.stdout.write(json.dumps({"calls": number - 1, "wrong": wrong}))


if __name__ == "__main__":
    main()
