"""Hundreds of slow uploads at once, each asked for every second: none fails, and all is whole."""

import pytest
from benchmarks.crowd import percentile
from benchmarks.processes import memory

from clients import fetch
from servers import running_service
from uploading_crowd import UploadingCrowd
from waiting import eventually

pytestmark = pytest.mark.live

MOST_MEMORY = 200_000_000


def are_under_way(told):
    """Whether this was told of uploads that have all begun, and of none that has ended."""
    return {each.get("complete", each.get("state")) for each in told} == {False, "uploading"}


def test_a_crowd_of_uploads_is_told_how_far_it_is_and_comes_whole(tmp_path, many, figure):
    number, seconds = many(60, 500), many(3, 20)
    with running_service(tmp_path, disk_floor=0) as service:
        with UploadingCrowd(service.port, number, seconds=120) as crowd:
            assert eventually(lambda: are_under_way(crowd.ask(seconds=1)[1]))
            taken, told = crowd.ask(seconds=seconds)
            needed = memory(service.process.pid)
        equal = sum(fetch(service.url + each.link).body == each.data for each in crowd.uploads)

    assert crowd.outcomes == {"whole": number}
    assert equal == number
    assert are_under_way(told)
    assert needed < MOST_MEMORY
    figure(
        f"{number} uploads under way at once, half resumable and half watched, status asked every "
        "second for each",
        "none fails; memory under 200 MB in all; status within 100 ms (99 %)",
        f"{equal} whole, {len(taken)} answers, p99 {percentile(taken, 99) * 1000:.0f} ms, median "
        f"{percentile(taken, 50) * 1000:.1f} ms, {needed / 1e6:.0f} MB (PSS)",
    )
