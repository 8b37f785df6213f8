"""The units for systemd are sound, closed to the outside, and agree with the code and with cron."""

import fcntl
import os
import re
import subprocess
import sys

import pytest

from servers import UPLOADSVC
from units import CLEANER, SERVICE, TIMER, UNITS, Unit
from uploadsvc import Settings
from uploadsvc.storage.datadir import DataDir

ROOT = UNITS.parent.parent
OPERATING = (ROOT / "docs/operating.md").read_text()
COMMAND = "/opt/uploadsvc/venv/bin/uploadsvc --config /etc/uploadsvc/uploadsvc.toml"

# Of 100: a unit that says nothing of it has 96, one with the usual four lines 85.
EXPOSURE = {SERVICE: 12, CLEANER: 3}

USUAL = """
[Service]
User=uploadsvc
ExecStart=/bin/true
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
"""


@pytest.fixture
def complaints(program, tmp_path):
    """What `systemd-analyze verify` says of a unit, with paths that are there."""
    analyze = program("systemd-analyze")

    def verify(unit, change=lambda text: text):
        for path in UNITS.iterdir():
            text = path.read_text().replace(COMMAND.split()[0], str(UPLOADSVC))
            (tmp_path / path.name).write_text(change(text) if path == unit else text)
        told = subprocess.run(
            [analyze, "verify", "--man=no", "--recursive-errors=no", tmp_path / unit.name],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        # Units of the machine are looked at too, and may have faults of their own.
        return [line for line in told.stderr.splitlines() if "uploadsvc" in line]

    return verify


@pytest.fixture
def is_closed(program):
    """Whether `systemd-analyze security` finds a unit at most so exposed, of 100."""
    analyze = program("systemd-analyze")

    def security(path, exposure):
        return subprocess.run(
            [analyze, "security", "--no-pager", "--offline=true", f"--threshold={exposure}", path],
            capture_output=True,
            timeout=60,
        )

    return lambda path, exposure: security(path, exposure).returncode == 0


@pytest.mark.parametrize("unit", [SERVICE, CLEANER, TIMER], ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit(complaints, unit):
    assert complaints(unit) == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda text: text.replace("ProtectHome", "ProtectHomes"),
        lambda text: text.replace(str(UPLOADSVC), "/nowhere/uploadsvc"),
        lambda text: text.replace("@system-service", "@no-such-set"),
    ],
    ids=["key", "program", "set"],
)
def test_systemd_would_find_what_is_wrong(complaints, wrong):
    assert complaints(SERVICE, wrong)


@pytest.mark.parametrize("unit", EXPOSURE, ids=lambda unit: unit.name)
def test_a_unit_is_hardly_exposed(is_closed, unit):
    assert is_closed(unit, EXPOSURE[unit])


def test_a_unit_with_the_usual_four_lines_would_be_exposed(is_closed, tmp_path):
    unit = tmp_path / "uploadsvc.service"
    unit.write_text(USUAL)

    assert not is_closed(unit, 80)


def test_both_units_are_closed_the_same_way_but_for_the_network_and_the_decoders():
    def closed(path):
        start = path.read_text().index("ProtectSystem=")
        return {line for line in path.read_text()[start:].splitlines() if re.match(r"\w+=", line)}

    service, cleaner = closed(SERVICE), closed(CLEANER)

    assert service - cleaner == {
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "SystemCallFilter=setpriority mbind",
        "WantedBy=multi-user.target",
    }
    assert cleaner - service == {
        "RestrictAddressFamilies=none",
        "PrivateNetwork=yes",
        "IPAddressDeny=any",
    }


def test_the_units_run_what_the_manual_installs_as_the_user_that_cron_names():
    service, cleaner = Unit(SERVICE), Unit(CLEANER)
    cron = (ROOT / "deploy/cron/uploadsvc").read_text()

    assert (service["ExecStart"], cleaner["ExecStart"]) == (f"{COMMAND} serve", f"{COMMAND} clean")
    assert f" {cleaner['User']} {cleaner['ExecStart']} " in cron
    assert service["User"] == service["Group"] == cleaner["User"] == cleaner["Group"]
    assert f"adduser --system --group --no-create-home {service['User']}\n" in OPERATING


def test_both_units_may_write_to_the_data_folder_of_the_manual_alone():
    for unit in Unit(SERVICE), Unit(CLEANER):
        folder = f"/var/lib/{unit['StateDirectory']}"

        assert f'data_dir = "{folder}"\n' in OPERATING
        assert int(unit["StateDirectoryMode"], 8) == Settings().dir_mode
        assert unit["ProtectSystem"] == "strict"
        assert unit.all("ReadWritePaths") == []


def test_running_uploads_may_end_before_systemd_ends_them():
    service = Unit(SERVICE)

    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > Settings().stop_grace.total_seconds() + 10


def test_all_threads_find_their_open_files():
    allowed = Unit(SERVICE)["LimitNOFILE"]
    script = (
        "import resource, sys\n"
        "from uploadsvc import Settings\n"
        "from uploadsvc.openfiles import allow_open_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1024, int(sys.argv[1])))\n"
        "allow_open_files(Settings().threads)\n"
    )
    enough, too_few = (
        subprocess.run([sys.executable, "-c", script, hard], capture_output=True, timeout=60)
        for hard in (allowed, "4096")
    )

    assert enough.returncode == 0, enough.stderr
    assert b"TooFewOpenFiles" in too_few.stderr


def test_all_threads_may_be_there_twice_while_the_service_reloads():
    assert int(Unit(SERVICE)["TasksMax"]) > 2 * Settings().threads + 1000


def test_a_service_with_bad_settings_is_not_started_again(tmp_path):
    refused = subprocess.run(
        [UPLOADSVC, "serve"],
        env={"UPLOADSVC_DATA_DIR": str(tmp_path / "data"), "UPLOADSVC_BAD": "1"},
        capture_output=True,
        timeout=60,
    )

    assert refused.returncode == int(Unit(SERVICE)["RestartPreventExitStatus"])


def test_a_cleaner_that_finds_another_at_work_has_not_failed(data):
    assert _clean_while_locked(data) == int(Unit(CLEANER)["SuccessExitStatus"])


def _clean_while_locked(data: DataDir) -> int:
    with data.marker.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run(
            [UPLOADSVC, "clean"],
            env={"UPLOADSVC_DATA_DIR": str(data.path)},
            capture_output=True,
            timeout=60,
        ).returncode


def test_the_timer_runs_the_cleaner_as_often_as_cron_and_makes_up_for_a_missed_run():
    timer = Unit(TIMER)
    cron = (ROOT / "deploy/cron/uploadsvc").read_text()

    # systemd.timer(5): without Unit= it starts the service of its own name.
    assert (TIMER.stem, timer.all("Unit")) == (CLEANER.stem, [])
    assert re.search(r"^\d+ \* \* \* \* ", cron, flags=re.MULTILINE)
    assert timer["OnCalendar"] == "hourly"
    assert timer["Persistent"] == "yes"
