"""How much the cleaner looks at: in a young tree each folder once, and no file at all."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

UPLOADSVC = Path(sys.executable).with_name("uploadsvc")
FILES = 10


class Looks:
    """What a traced program asked of the things in a tree: looks, listings and openings."""

    def __init__(self, trace, root):
        self.stats, self.listings, self.opened = Counter(), Counter(), Counter()
        for line in trace.splitlines():
            if " = -1 " in line or not (call := CALL.match(line)):
                continue
            kind, held, name = call.groups(default="")
            path = os.path.normpath(f"{held}/{name}" if not name.startswith("/") else name)
            if path != str(root) and not path.startswith(f"{root}/"):
                continue
            if kind == "getdents64":
                # Each listing ends with a call that brings nothing more.
                self.listings[path] += line.endswith(" = 0")
            elif kind == "openat":
                self.opened[path] += 1
            else:
                self.stats[path] += 1


# A call of a process, with the folder that a descriptor leads to, and a name if there is one.
CALL = re.compile(r'^\d+ +(\w+)\((?:(?:AT_FDCWD|\d+)<([^>]*)>(?:, )?)?(?:"([^"]*)")?')


@pytest.fixture
def looks(program, tmp_path):
    """Return what a command looked at in a folder."""
    strace = program("strace")
    trace = tmp_path / "trace"

    def run(root, *command, **environ):
        subprocess.run(
            [strace, "-f", "-y", "-o", trace, "-e", "trace=%%stat,openat,getdents64", *command],
            env=os.environ | environ,
            check=True,
            capture_output=True,
            timeout=300,
        )
        return Looks(trace.read_text(), root)

    return run


@pytest.fixture
def tree(data, many):
    """Young folders, each with ten files; and an old name for each file, that keeps nothing."""
    for number in range(many(20, 2_000)):
        folder = data.storage / f"{number:08}"
        folder.mkdir()
        for name in range(FILES):
            (folder / f"{name}.jpg").touch()
            os.utime(folder / f"{name}.jpg", (0, 0))
    return data


def test_in_a_young_tree_each_folder_is_looked_at_once_and_no_file_at_all(tree, looks, figure):
    folders = [str(folder) for folder in tree.storage.iterdir()]
    seen = looks(tree.storage, UPLOADSVC, "clean", UPLOADSVC_DATA_DIR=str(tree.path))
    of_files = sum(str(Path(path).parent) in folders for path in seen.stats)

    assert of_files == 0
    assert [seen.stats[folder] for folder in folders] == [1] * len(folders)
    assert not any(seen.opened[folder] for folder in folders)
    assert seen.listings == {str(tree.storage): 1}
    figure(
        f"the cleaner on {len(folders) * FILES:,} files in {len(folders):,} young folders",
        "no stat of a file, one look at each folder",
        f"{of_files} of files, {sum(seen.stats[folder] for folder in folders):,} of folders",
    )


def test_a_program_that_looks_at_every_file_is_seen_to_do_so(tree, looks):
    folders = [str(folder) for folder in tree.storage.iterdir()]
    seen = looks(tree.storage, "find", str(tree.storage), "-mindepth", "1", "-mtime", "+99999")
    of_files = sum(str(Path(path).parent) in folders for path in seen.stats)

    assert of_files == len(folders) * FILES
    assert all(seen.listings[folder] == 1 for folder in folders)
