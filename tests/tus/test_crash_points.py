"""A kill before any single call of the system: nothing that was told is lost, nothing is left."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).with_name("crashing.py")


def crash(scenario, folder):
    done = subprocess.run(
        [sys.executable, SCRIPT, scenario, folder], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "scenario", ["resumed", "short_lived", "deferred", "joined", "whole", "removed"]
)
def test_a_kill_before_any_call_is_mended_by_the_next_request(scenario, tmp_path, figure):
    told = crash(scenario, tmp_path)

    assert told["wrong"] == []
    assert told["calls"] > 20
    figure(
        f"a kill before each system call of an upload that is {scenario}",
        "what was told is there, and the file ends equal to its source",
        f"{told['calls']} calls, 0 wrong",
    )


def test_an_upload_that_is_moved_and_not_linked_would_be_found_to_lose_bytes(tmp_path):
    assert crash("moved", tmp_path)["wrong"]
