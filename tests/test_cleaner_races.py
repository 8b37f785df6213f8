"""The cleaner and uploads at the same moment."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

from uploadsvc import cleaner
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.local import LocalStorage

MINUTE = timedelta(minutes=1)


def test_young_uploads_survive_cleaners_that_never_rest(tmp_path, many):
    data = DataDir(tmp_path / "data")
    data.prepare(dir_mode=0o755)
    count = many(200, 10_000)
    storage = LocalStorage(data.storage)
    endless = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_CLEANER, str(data.path)], stdout=subprocess.PIPE
    )
    try:
        assert endless.stdout.readline() == b"begun\n"
        keys = [storage.save("a.txt", [b"x"]).key for _ in range(count)]
        assert endless.poll() is None, "it has cleaned to the end"
    finally:
        endless.terminate()
        endless.wait(timeout=10)
        endless.stdout.close()
    list(cleaner.clean(data, keep=MINUTE, now=datetime.now(UTC)))

    assert all(storage.find(key).size == 1 for key in keys)
    assert [path.name for path in data.storage.iterdir() if path.name.startswith(".")] == []


ENDLESS_CLEANER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uploadsvc import cleaner
from uploadsvc.storage.datadir import DataDir

data = DataDir(Path(sys.argv[1]))
print("begun", flush=True)
while True:
    for line in cleaner.clean(data, keep=timedelta(seconds=60), now=datetime.now(UTC)):
        # What an upload has not locked yet; it begins anew.
        assert ".partial-" in line or line.startswith("gone: "), line
"""
