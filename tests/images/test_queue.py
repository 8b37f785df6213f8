"""Decoders never take on more than they can do, and are never in the way of the rest."""

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from images.making import corners, encoded
from images.processes import BOX, busy, outcome, workers
from uploadsvc.errors import Missing, Unavailable, Undecodable
from uploadsvc.images import Facts, Picture
from uploadsvc.web.errors import status_of

pytestmark = pytest.mark.live


@pytest.mark.parametrize("ask", ["draw", "probe"])
def test_one_more_than_fit_is_refused_at_once_and_the_others_are_served(
    make_decoders, endless, good, ask
):
    decoders = make_decoders(workers=1, queue=2)
    thread, ended, writer = busy(decoders, endless)

    def asked():
        return decoders.probe(good) if ask == "probe" else decoders.draw(good, BOX)

    with ThreadPoolExecutor(3) as threads:
        others = [threads.submit(asked) for _ in range(3)]
        wait(others, return_when=FIRST_COMPLETED)
        os.close(writer)
    thread.join(30)

    [refused] = filter(None, (other.exception() for other in others))
    served = [other.result() for other in others if other.exception() is None]
    assert isinstance(refused, Unavailable)
    assert str(refused) == "too many pictures wait to be drawn"
    assert refused.retry_after > 0
    assert status_of(type(refused)) == 503
    assert [type(each) for each in served] == [Facts if ask == "probe" else Picture] * 2
    assert [type(one) for one in ended] == [Undecodable]


def test_whoever_was_refused_a_picture_leaves_the_place_to_the_next(make_decoders, good, tmp_path):
    decoders = make_decoders(workers=1, queue=1)
    text, gone = tmp_path / "text", tmp_path / "gone"
    text.write_bytes(b"no picture")

    answers = [type(outcome(decoders, file)) for file in (text, gone, good) * 4]

    assert answers == [Undecodable, Missing, Picture] * 4


def test_without_a_bound_all_wait(make_decoders, endless, good):
    decoders = make_decoders(workers=1)
    thread, _, writer = busy(decoders, endless)
    with ThreadPoolExecutor(20) as threads:
        others = [threads.submit(outcome, decoders, good) for _ in range(20)]
        os.close(writer)
    thread.join(30)

    assert {type(other.result()) for other in others} == {Picture}


def test_who_has_little_patience_is_refused_and_the_next_is_served(make_decoders, endless, good):
    decoders = make_decoders(workers=1)
    thread, _, writer = busy(decoders, endless)
    with pytest.raises(Unavailable, match="no decoder was free in time"):
        decoders.measure(good, patience=0.05)
    os.close(writer)
    thread.join(30)

    assert isinstance(decoders.measure(good, patience=30), Facts)


def test_tells_by_the_header_alone_what_a_picture_is(make_decoders, tmp_path):
    whole = encoded(corners(), "PNG")
    cut, text = tmp_path / "cut.png", tmp_path / "text"
    cut.write_bytes(whole[: len(whole) // 2])
    text.write_bytes(b"no picture")
    decoders = make_decoders()

    assert decoders.measure(cut) == Facts("image/png", 120, 80, animated=False)
    for tell, file in ((decoders.probe, cut), (decoders.measure, text)):
        with pytest.raises(Undecodable):
            tell(file)


def test_tells_what_a_picture_is(make_decoders, tmp_path):
    file = tmp_path / "photo.png"
    file.write_bytes(encoded(corners(), "JPEG"))
    text = tmp_path / "text"
    text.write_bytes(b"no picture")
    decoders = make_decoders()

    assert decoders.probe(file) == Facts("image/jpeg", 120, 80, animated=False)
    with pytest.raises(Undecodable):
        decoders.probe(text)
    with pytest.raises(Missing):
        decoders.probe(tmp_path / "gone")


def test_a_picture_that_only_begins_well_is_told_of_as_none(make_decoders, tmp_path):
    file = tmp_path / "half"
    data = encoded(corners(), "JPEG")
    file.write_bytes(data[: len(data) // 2])

    with pytest.raises(Undecodable):
        make_decoders().probe(file)


@pytest.fixture
def decoder(make_decoders, good):
    """The process id of one that has drawn a picture."""
    decoders, before = make_decoders(), workers()
    decoders.draw(good, BOX)
    [pid] = workers() - before
    return pid


def test_whoever_waits_for_no_drawing_goes_first(decoder):
    nice = os.getpriority(os.PRIO_PROCESS, decoder)

    assert nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)


def test_a_decoder_opens_few_files_and_says_nothing(decoder):
    lines = Path(f"/proc/{decoder}/limits").read_text().splitlines()
    [files] = [line.split() for line in lines if line.startswith("Max open files")]

    assert files[3:5] == ["64", "64"]
    for descriptor in (1, 2):
        assert Path(f"/proc/{decoder}/fd/{descriptor}").readlink() == Path(os.devnull)


def test_a_decoder_uses_one_core(decoder):
    """As many processes as cores are there already."""
    assert len(list(Path(f"/proc/{decoder}/task").iterdir())) <= 3
