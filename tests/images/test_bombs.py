"""More pictures made to cost, of the formats that wrap others and of those that move."""

import pytest

from images import bombs, making
from images.processes import seldom, workers
from uploadsvc.errors import Undecodable
from uploadsvc.images import Picture, TooManyPixels

MEMORY, SECONDS = 300_000_000, 2

# One of each class, and what the answer must be.
CLASSES = {
    "icon of 3.6 gigapixels": (lambda: bombs.icon(making.png(60_000, 60_000)), TooManyPixels),
    "icon of 88 megapixels": (lambda: bombs.icon(making.blank_png(9_400, 9_400)), TooManyPixels),
    "icon of 49 megapixels": (lambda: bombs.icon(making.blank_png(7_000, 7_000)), Picture),
    "icon of 65,535 pictures": (bombs.icon_of_many_pictures, Picture),
    "psd of 900 megapixels": (bombs.psd_flood, Undecodable),
    "psd of 49 megapixels in 2 MB": (bombs.packed_psd, Picture),
    "psd of 30,000 layers": (bombs.psd_of_many_layers, Picture),
    "jpeg 2000 of 3.6 gigapixels": (bombs.jpeg_2000_flood, TooManyPixels),
    "jpeg 2000 of 49 million tiles": (bombs.jpeg_2000_of_many_tiles, Undecodable),
    "heic of 900 megapixels": (bombs.heic_flood, TooManyPixels),
    "jpeg xl of 89 megapixels": (bombs.jpeg_xl_flood, TooManyPixels),
}


pytestmark = pytest.mark.live


@pytest.fixture
def survives(answer, tmp_path):
    """`survives(data)` is the outcome; its decoder must live, and be within the limits."""

    def survives(data, format="auto"):
        file = tmp_path / "hostile"
        file.write_bytes(b"nothing")
        answer(file)
        before = workers()
        file.write_bytes(data)
        outcome, seconds, memory = answer(file, format)
        assert seconds < SECONDS
        assert 0 < memory < MEMORY
        assert workers() == before
        return outcome

    return survives


@pytest.mark.parametrize("name", seldom(CLASSES, "49 megapixels", "88 megapixels"))
def test_a_hostile_picture_is_answered_in_time_and_memory(survives, name):
    make, wanted = CLASSES[name]

    assert isinstance(survives(make()), wanted)


KINDS = ["GIF", "PNG", "WEBP", "AVIF"]
CHEAP = {"AVIF": {"speed": 10}, "WEBP": {"method": 0}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", seldom(["webp", "auto"], "auto"))
def test_one_of_a_thousand_frames_is_a_still(survives, kind, format):
    outcome = survives(bombs.moving(kind, 1_000, **CHEAP.get(kind, {})), format)

    assert isinstance(outcome, Picture)
    assert not outcome.animated


SLOW = {
    "gif": lambda: bombs.gif_of_large_frames(side=2_000),
    "apng": lambda: bombs.apng_of_large_frames(side=2_000),
    "webp": lambda: bombs.webp_of_large_frames(side=2_000),
    "avif": lambda: bombs.moving("AVIF", 200, (800, 600), speed=10),
}


@pytest.mark.live
@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("format", ["webp", "auto"])
def test_one_that_takes_too_long_is_a_still(survives, kind, format):
    """No more frames than there may be, and each takes its time."""
    outcome = survives(SLOW[kind](), format)

    assert isinstance(outcome, Picture)
    assert not outcome.animated


LARGE = {
    "gif": (bombs.gif_of_large_frames, Picture),
    "apng": (bombs.apng_of_large_frames, Picture),
    # Pillow holds these twice, and does not say what is missing.
    "webp": (bombs.webp_of_large_frames, Undecodable),
}


@pytest.mark.parametrize("kind", seldom(LARGE, "apng", "webp"))
@pytest.mark.parametrize("format", ["webp", "jpeg"])
def test_one_that_is_too_large_to_move_is_a_still(survives, kind, format):
    make, wanted = LARGE[kind]
    outcome = survives(make(), format)

    assert isinstance(outcome, wanted)
    assert not getattr(outcome, "animated", False)


@pytest.mark.parametrize("kind", ["HEIF", "JXL", "ICO", "JPEG2000"])
def test_every_piece_of_a_picture_is_refused_or_drawn(answer, tmp_path, many, kind):
    """Each byte of a small picture turned over, one at a time: never anything else."""
    file = tmp_path / "broken"
    answers, before = set(), None
    data = making.encoded(making.corners(24, 16), kind)
    for at in range(0, len(data), max(1, len(data) // many(15, 2000))):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        answers.add(type(answer(file)[0]))
        before = before or workers()

    assert workers() == before
    assert Picture in answers or kind == "JXL"
    assert all(issubclass(each, (Picture, Undecodable)) for each in answers)
