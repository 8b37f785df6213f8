"""Rates: so many uploads of one address in a minute."""

import subprocess
import sys

import pytest

from uploadsvc.errors import TooMany
from uploadsvc.rates import Rate

NOON = 1_800_000_000.0 - 1_800_000_000 % 60


def test_as_many_as_are_set_pass_and_one_more_does_not(tmp_path):
    rate = Rate(tmp_path, per_minute=3, now=lambda: NOON + 15)
    for _ in range(3):
        rate.check("192.0.2.1")

    with pytest.raises(TooMany) as refused:
        rate.check("192.0.2.1")
    assert refused.value.retry_after == 45


def test_every_address_has_its_own_count(tmp_path):
    rate = Rate(tmp_path, per_minute=1, now=lambda: NOON)
    rate.check("192.0.2.1")
    rate.check("192.0.2.2")
    rate.check("../../etc/passwd\0")

    with pytest.raises(TooMany):
        rate.check("192.0.2.2")


def test_the_next_minute_begins_anew(tmp_path):
    Rate(tmp_path, per_minute=1, now=lambda: NOON).check("192.0.2.1")
    Rate(tmp_path, per_minute=1, now=lambda: NOON + 60).check("192.0.2.1")

    assert len(list(tmp_path.iterdir())) == 2


def test_other_processes_count_too(tmp_path):
    script = (
        "import sys; from pathlib import Path; from uploadsvc.rates import Rate\n"
        f"Rate(Path(sys.argv[1]), per_minute=2, now=lambda: {NOON}).check('192.0.2.1')"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)

    with pytest.raises(TooMany):
        Rate(tmp_path, per_minute=2, now=lambda: NOON).check("192.0.2.1")


def test_without_a_limit_nothing_is_counted(tmp_path):
    Rate(tmp_path, per_minute=0).check("192.0.2.1")

    assert list(tmp_path.iterdir()) == []


def test_past_minutes_are_forgotten_and_the_last_one_is_not(tmp_path):
    for minute in range(3):
        Rate(tmp_path, per_minute=1, now=lambda minute=minute: NOON + 60 * minute).check("x")
    Rate(tmp_path, per_minute=1, now=lambda: NOON + 120).forget_old()

    assert len(list(tmp_path.iterdir())) == 2
