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
