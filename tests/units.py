"""The shipped systemd units, as the tests read them."""

import functools
import subprocess
from pathlib import Path

UNITS = Path(__file__).resolve().parent.parent / "deploy/systemd"
SERVICE = UNITS / "uploadsvc.service"
CLEANER = UNITS / "uploadsvc-clean.service"
TIMER = UNITS / "uploadsvc-clean.timer"


class Unit:
    """A unit file: what it says of each key, in its order (systemd.syntax(7))."""

    def __init__(self, path: Path) -> None:
        self.entries: list[tuple[str, str]] = []
        for line in path.read_text().splitlines():
            if line and line[0] not in "#;[":
                key, _, value = line.partition("=")
                self.entries.append((key, value))

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.entries if name == key]

    def __getitem__(self, key: str) -> str:
        [value] = self.all(key)
        return value

    def address_families(self) -> set[str]:
        """What RestrictAddressFamilies= allows."""
        named = set(self["RestrictAddressFamilies"].split())
        return set() if named == {"none"} else named

    def system_calls(self, systemd_analyze: str) -> set[str]:
        """What SystemCallFilter= allows, by the lists of the installed systemd."""
        allowed = set(_calls(systemd_analyze, "@default"))
        for line in self.all("SystemCallFilter"):
            named = {
                call
                for word in line.removeprefix("~").split()
                for call in _calls(systemd_analyze, word)
            }
            allowed = allowed - named if line.startswith("~") else allowed | named
        return allowed


@functools.cache
def _calls(systemd_analyze: str, name: str) -> frozenset[str]:
    if not name.startswith("@"):
        return frozenset([name])
    shown = subprocess.run(
        [systemd_analyze, "syscall-filter", "--no-pager", name],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    members = [line.strip() for line in shown if line.startswith("    ") and "#" not in line]
    return frozenset(call for member in members for call in _calls(systemd_analyze, member))
