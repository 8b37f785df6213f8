"""One bad picture costs one refusal; the server and the other pictures never notice."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from images.making import blank_png, encoded
from images.processes import busy, ended, outcome, workers, writer_of
from servers import peak_memory
from uploadsvc.errors import Missing, Unavailable, Undecodable
from uploadsvc.images import Picture, Size, TooHeavy, TooManyPixels, Variant
from uploadsvc.images.memory import HEADROOM
from waiting import eventually

pytestmark = pytest.mark.live

BOX = Variant(Size(60, 60))


@pytest.mark.live
def test_a_picture_that_took_too_much_memory_leaves_enough_for_the_next(make_decoders, tmp_path):
    decoders = make_decoders(workers=1)
    heavy, fine = tmp_path / "heavy", tmp_path / "fine"
    teal, navy = (Image.new("RGB", (5600, 4400), colour) for colour in ("teal", "navy"))
    # One that moves is held as a whole, twice.
    heavy.write_bytes(encoded(teal, "WEBP", save_all=True, append_images=[navy], method=0))
    fine.write_bytes(encoded(Image.new("RGB", (4000, 3000), "teal"), "WEBP"))

    for _ in range(3):
        assert isinstance(outcome(decoders, heavy), TooHeavy)
        assert isinstance(outcome(decoders, fine), Picture)


def test_draws_in_another_process(make_decoders, good):
    decoders = make_decoders()
    before = workers()

    picture = decoders.draw(good, BOX)

    assert (picture.width, picture.height, picture.media_type) == (60, 40, "image/jpeg")
    assert len(workers() - before) == 1


def test_nothing_is_started_before_the_first_picture(make_decoders):
    before = workers()
    make_decoders(workers=2)

    assert workers() == before


def test_errors_come_back_with_their_kind_and_sentence(make_decoders, tmp_path):
    decoders = make_decoders()
    text, flood = tmp_path / "text", tmp_path / "flood"
    text.write_bytes(b"no picture")
    flood.write_bytes(blank_png(60_000, 1)[:16] + b"\0\0\xea\x60" * 2 + b"\x08\2\0\0\0")

    with pytest.raises(Undecodable, match=r"^the file is not a picture that can be shown$"):
        decoders.draw(text, BOX)
    with pytest.raises(Missing, match="not there any more"):
        decoders.draw(tmp_path / "gone", BOX)
    with pytest.raises(Undecodable):
        decoders.draw(flood, BOX)


def test_the_limit_of_pixels_is_welcome_and_one_more_is_not(make_decoders, tmp_path):
    decoders = make_decoders(max_pixels=10_000)
    fits, over = tmp_path / "fits", tmp_path / "over"
    fits.write_bytes(blank_png(100, 100))
    over.write_bytes(blank_png(10_001, 1))

    assert decoders.draw(fits, BOX).width == 60
    with pytest.raises(TooManyPixels, match="too many pixels"):
        decoders.draw(over, BOX)


def test_a_picture_that_takes_too_much_memory_is_too_heavy(make_decoders, tmp_path, good):
    heavy = tmp_path / "heavy"
    heavy.write_bytes(blank_png(5_000, 4_000))
    decoders = make_decoders(memory=90_000_000)

    with pytest.raises(TooHeavy, match=r"^the picture is too large to decode$"):
        decoders.draw(heavy, BOX)
    assert max(map(peak_memory, workers())) < 90_000_000
    assert decoders.draw(good, BOX).width == 60


def test_the_same_picture_is_drawn_where_there_is_memory(make_decoders, tmp_path):
    heavy = tmp_path / "heavy"
    heavy.write_bytes(blank_png(5_000, 4_000))
    decoders = make_decoders()

    assert decoders.draw(heavy, BOX).width == 60
    assert max(map(peak_memory, workers())) > 90_000_000


@pytest.mark.live
@pytest.mark.parametrize("colour", [2, 6], ids=["opaque", "transparent"])
def test_the_largest_picture_fits_the_memory_at_the_largest_size(make_decoders, tmp_path, colour):
    large = tmp_path / "large"
    large.write_bytes(blank_png(8_000, 6_000, colour=colour, samples=3 if colour == 2 else 4))
    decoders = make_decoders()

    assert decoders.draw(large, Variant(Size(2048, 2048))).width == 2048
    assert max(map(peak_memory, workers())) < 300_000_000


@pytest.mark.live
def test_a_picture_that_takes_too_long_is_too_heavy(make_decoders, endless, good):
    decoders = make_decoders(seconds=2)
    decoders.draw(good, BOX)

    with pytest.raises(TooHeavy, match="too large to decode"):
        decoders.draw(endless, BOX)
    assert decoders.draw(good, BOX).width == 60


def test_a_process_that_is_killed_costs_one_refusal(make_decoders, endless, good):
    decoders = make_decoders()
    before = workers()
    thread, outcomes, writer = busy(decoders, endless)
    [pid] = workers() - before

    os.kill(pid, signal.SIGSEGV)
    thread.join(60)
    os.close(writer)

    assert [type(outcome) for outcome in outcomes] == [Undecodable]
    assert decoders.draw(good, BOX).width == 60
    assert pid not in workers()


@pytest.mark.parametrize("number", [1, 2])
def test_idle_processes_that_are_killed_are_not_noticed(make_decoders, good, number):
    decoders = make_decoders(workers=number)
    before = workers()
    decoders.draw(good, BOX)

    for pid in workers() - before:
        os.kill(pid, signal.SIGKILL)

    assert decoders.draw(good, BOX).width == 60


@pytest.mark.live
def test_one_bad_picture_does_not_hurt_those_beside_it(make_decoders, endless, good):
    decoders = make_decoders(workers=2, seconds=3)
    with ThreadPoolExecutor(8) as threads:
        bad = threads.submit(outcome, decoders, endless)
        others = [threads.submit(outcome, decoders, good) for _ in range(40)]

    assert isinstance(bad.result(), TooHeavy)
    assert {other.result().width for other in others} == {60}


def test_a_stopped_pool_says_so_and_leaves_no_process(make_decoders, good):
    decoders = make_decoders()
    before = workers()
    decoders.draw(good, BOX)
    started = workers() - before

    decoders.close()
    decoders.close()

    assert started
    assert not started & workers()
    with pytest.raises(Unavailable, match="stopping"):
        decoders.draw(good, BOX)


def test_when_no_process_can_start_it_is_our_fault(make_decoders, good):
    decoders = make_decoders(memory=1)

    with pytest.raises(Unavailable):
        decoders.draw(good, BOX)


def test_a_decoder_can_write_no_file_and_dumps_no_memory(make_decoders, good):
    decoders = make_decoders()
    before = workers()
    decoders.draw(good, BOX)
    [pid] = workers() - before

    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    # What libraries map and never touch counts beside what may be resident.
    assert max(map(int, limits["Max data size"])) < 300_000_000 + HEADROOM


def run(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


SERVER = """
import multiprocessing, sys, threading
from pathlib import Path
from uploadsvc.images import Decoders, Size, Variant
decoders = Decoders(workers=2, memory=300_000_000, seconds=600)
decoders.draw(Path(sys.argv[1]), Variant(Size(9, 9)))
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
decoders.draw(Path(sys.argv[2]), Variant(Size(9, 9)))
"""


def test_a_server_that_is_killed_leaves_no_decoder(good, endless):
    with run(SERVER, good, endless) as server:
        pids = [int(pid) for pid in server.stdout.readline().split()]
        try:
            writer = writer_of(endless)
        finally:
            server.kill()
    os.close(writer)

    assert len(pids) == 2
    # The kernel ends them as soon as it closes the server's files; it may need a moment.
    assert eventually(lambda: all(map(ended, pids)))


SCRIPT = """
import os, sys
from pathlib import Path
with open(sys.argv[2], "a") as log:
    log.write("x")
from uploadsvc.images import Decoders, Size, Variant
decoders = Decoders(workers=1, memory=300_000_000, seconds=20)
print(decoders.draw(Path(sys.argv[1]), Variant(Size(9, 9))).width)
decoders.close()
"""


def test_the_program_around_it_is_not_run_again(good, tmp_path):
    """A script of somebody else's, without a guard against being imported."""
    script, log = tmp_path / "script.py", tmp_path / "log"
    script.write_text(SCRIPT)

    done = subprocess.run(
        [sys.executable, script, good, log], capture_output=True, text=True, timeout=30
    )

    assert (done.stdout, done.stderr) == ("9\n", "")
    assert log.read_text() == "x"
