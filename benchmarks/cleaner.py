"""
The cleaner, beside `find` and systemd-tmpfiles: ten files in each of many folders.

Nothing is old: all look at the same tree, again and again. All is old: each has a tree of its
own in each round. The files are empty, so that what is measured is the walk and not the disk.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import processes
from benchmarks.plan import Plan
from benchmarks.processes import Spent
from benchmarks.rounds import interleaved, middle
from benchmarks.servers import UPLOADSVC
from benchmarks.tables import Goal, Table, at_most

_OURS = "uploadsvc clean"
_FIND = "find -mindepth 1 -mtime +0 -delete"
_TMPFILES = "systemd-tmpfiles --clean, mM:1d"
_PROGRAMS = {_FIND: "find", _TMPFILES: "systemd-tmpfiles"}
_FILES = 10
"""In each folder."""
_FOLDERS = 20_000
_ROUNDS = 3
_AGE = 10 * 86400
"""Of what is old: seconds."""

Results = Mapping[str, Sequence[Spent]]


class NotCleaned(Exception):
    """A contender left what it should have removed, or the other way round."""


@dataclass(frozen=True)
class _Tree:
    """A folder of the service, with what one contender needs beside it."""

    path: Path
    folders: int
    """How many there are when the contender is done."""

    def clean(self, name: str) -> Spent:
        """Run a contender over the tree, its start included."""
        command = {_OURS: self._ours, _FIND: self._find, _TMPFILES: self._tmpfiles}[name]()
        spent = processes.run(command, environ=self._environ())
        if (there := len(os.listdir(self._storage))) != self.folders:
            raise NotCleaned(f"{name}: {there} folders are there, not {self.folders}")
        return spent

    def fill(self, folders: int, modified: float) -> None:
        """Make that many folders of files, all of them modified at that time."""
        self._storage.mkdir(parents=True)
        for number in range(folders):
            # Names without an order, as those of uploads: an odd factor makes each another.
            folder = self._storage / f"{number * 2_654_435_761 % 2**32:08x}"
            folder.mkdir()
            for name in range(_FILES):
                path = f"{folder}/{name}.jpg"
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644))
                os.utime(path, (modified, modified))
            os.utime(folder, (modified, modified))
        processes.run([UPLOADSVC, "clean", "--adopt"], environ=self._environ())

    @property
    def _storage(self) -> Path:
        return self.path / "Storage"

    def _environ(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if "UPLOADSVC_" not in key}
        return inherited | {"UPLOADSVC_DATA_DIR": str(self.path)}

    def _ours(self) -> list[str | Path]:
        return [UPLOADSVC, "clean"]

    def _find(self) -> list[str | Path]:
        return ["find", self._storage, "-mindepth", "1", "-mtime", "+0", "-delete"]

    def _tmpfiles(self) -> list[str | Path]:
        rules = self.path / "tmpfiles.conf"
        # In quotes, and a percent sign twice: tmpfiles.d(5).
        rules.write_text(f'e "{str(self._storage).replace("%", "%%")}" - - - mM:1d\n')
        return ["systemd-tmpfiles", "--clean", rules]


def measure(plan: Plan) -> Table:
    """Run all contenders that are installed, in turn, over a young tree and over old ones."""
    missing = [name for name, program in _PROGRAMS.items() if not shutil.which(program)]
    names = [name for name in (_OURS, *_PROGRAMS) if name not in missing]
    old_folders = plan.pick(5_000, _FOLDERS)

    plan.say("  making the trees")
    young = _Tree(plan.folder / "young", folders=_FOLDERS)
    young.fill(_FOLDERS, time.time())
    old = _old_trees(plan, names, old_folders)
    # Written out, or the first contenders would wait for it.
    os.sync()

    nothing_old = interleaved(
        {name: partial(young.clean, name) for name in names}, rounds=2 * _ROUNDS, say=plan.say
    )
    all_old = interleaved(
        {name: _next_of(name, trees) for name, trees in old.items()}, rounds=_ROUNDS, say=plan.say
    )
    return _table(nothing_old, all_old, old_folders=old_folders, missing=missing)


def _old_trees(plan: Plan, names: Sequence[str], folders: int) -> dict[str, list[_Tree]]:
    # All of them before anything is removed: ext4 does not give an inode away again for
    # minutes, and searches long for others meanwhile.
    trees: dict[str, list[_Tree]] = {}
    for number, name in enumerate(names):
        for each in range(_ROUNDS):
            tree = _Tree(plan.folder / f"old-{number}-{each}", folders=0)
            tree.fill(folders, time.time() - _AGE)
            trees.setdefault(name, []).append(tree)
    return trees


def _next_of(name: str, trees: Sequence[_Tree]) -> Callable[[], Spent]:
    each = iter(trees)
    return lambda: next(each).clean(name)


def _table(
    nothing_old: Results, all_old: Results, *, old_folders: int, missing: Sequence[str]
) -> Table:
    return Table(
        title=f"The cleaner: {_FOLDERS * _FILES:,} files of which nothing is old, "
        f"and {old_folders * _FILES:,} that all are",
        columns=(
            "contender",
            "nothing old: ms",
            "CPU, ms",
            "ours to this",
            "all old: s",
            "CPU, s",
            "ours to this",
        ),
        rows=[_row(name, nothing_old, all_old) for name in nothing_old],
        goals=[
            goal
            for name in nothing_old
            if name != _OURS
            for goal in _goals(name, nothing_old, all_old)
        ],
        notes=[f"`{_PROGRAMS[name]}` is not installed." for name in missing],
    )


def _row(name: str, nothing_old: Results, all_old: Results) -> tuple[str, ...]:
    return (
        name,
        f"{_wall(nothing_old, name) * 1000:.0f}",
        f"{_cpu(nothing_old, name) * 1000:.0f}",
        f"{_ratio(nothing_old, name):.2f}",
        f"{_wall(all_old, name):.2f}",
        f"{_cpu(all_old, name):.2f}",
        f"{_ratio(all_old, name):.2f}",
    )


def _goals(name: str, nothing_old: Results, all_old: Results) -> list[Goal]:
    return [
        at_most(
            f"nothing old: the time to that of `{_PROGRAMS[name]}`", _ratio(nothing_old, name), 0.5
        ),
        at_most(f"all old: the time to that of `{_PROGRAMS[name]}`", _ratio(all_old, name), 1.5),
    ]


def _wall(results: Results, name: str) -> float:
    return middle(results[name], lambda spent: spent.wall)


def _cpu(results: Results, name: str) -> float:
    return middle(results[name], lambda spent: spent.cpu)


def _ratio(results: Results, name: str) -> float:
    return _wall(results, _OURS) / _wall(results, name)
