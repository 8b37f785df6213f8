"""Files of any age, for the tests of the cleaner; and the cleaner, run at a fixed moment."""

import os
from datetime import UTC, datetime, timedelta

from uploadsvc import cleaner

DAY = timedelta(days=1)
NOW = datetime(2030, 1, 15, 12, 0, tzinfo=UTC)


def age(path, how_old):
    moment = (NOW - how_old).timestamp()
    os.utime(path, (moment, moment), follow_symlinks=False)


def stored(data, how_old, *, name="photo.jpg", folder="AAAAAAAA", folder_age=None):
    path = data.storage / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"picture")
    age(path, how_old)
    age(path.parent, folder_age or how_old)
    return path


def preview(data, how_old, name="0" * 32 + ".jpeg"):
    path = data.previews / name
    path.write_bytes(b"preview")
    age(path, how_old)
    return path


def clean(data, **options):
    return list(cleaner.clean(data, **({"keep": DAY, "now": NOW} | options)))


def sized(data, unused, *, name="A" * 32 + "01.webp", size="320x240", content=b"sized"):
    path = data.sized / size / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    leave_unused(path, unused)
    return path


def leave_unused(path, how_long):
    """Let a file be used last so long ago; its modification stays what it was."""
    used = int((NOW - how_long).timestamp()) * 10**9
    os.utime(path, ns=(used, path.stat().st_mtime_ns))
