"""
What is in an old folder, and below: added up first, and removed only if all of it is old.

Links, other file systems and whatever is neither file nor folder are left alone. Each thing
is looked at again just before it goes.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from uploadsvc.storage.age import Age, look
from uploadsvc.storage.folders import open_folder

_DEEPEST = 50
"""An upload makes one folder; older installations may have more, but no such tower."""


@dataclass
class Contents:
    """The sum of what is in a folder, as far as it was added up."""

    age: Age
    device: int
    """The file system that the folder is in."""
    files: int = 0
    size: int = 0
    """Bytes of the files."""
    left_alone: int = 0
    is_young: bool = False
    """Whether anything is; what is in young folders was not looked at."""
    future: list[str] = field(default_factory=list)
    """Names of what is from the future."""

    def add_up(self, fd: int, names: Iterable[str], path: str, *, depth: int = 0) -> None:
        """
        Add what these names are in an open folder, which is called `path` in `future`.

        Raise OSError for folders in it that are nested too deep.
        """
        for name in names:
            facts = look(name, fd)
            if facts is None:
                continue
            if not self.age.is_old(facts.st_mtime_ns):
                self.is_young = True
                if self.age.is_future(facts.st_mtime_ns):
                    self.future.append(f"{path}/{name}")
            elif stat.S_ISREG(facts.st_mode):
                self.files += 1
                self.size += facts.st_size
            elif self._is_folder(facts):
                if depth == _DEEPEST:
                    raise OSError(errno.ELOOP, "folders in it are nested too deep")
                with open_folder(name, dir_fd=fd) as inner:
                    self.add_up(inner, os.listdir(inner), f"{path}/{name}", depth=depth + 1)
            else:
                self.left_alone += 1

    def remove(self, fd: int, names: Iterable[str]) -> None:
        """Remove what these names are in an open folder; what is left alone keeps its folder."""
        for name in names:
            facts = look(name, fd)
            # Looked at again: it may have been written since.
            if facts is None or not self.age.is_old(facts.st_mtime_ns):
                continue
            if stat.S_ISREG(facts.st_mode):
                os.unlink(name, dir_fd=fd)
            elif self._is_folder(facts):
                with open_folder(name, dir_fd=fd) as inner:
                    self.remove(inner, os.listdir(inner))
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=fd)

    def _is_folder(self, facts: os.stat_result) -> bool:
        return stat.S_ISDIR(facts.st_mode) and facts.st_dev == self.device
