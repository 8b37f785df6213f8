"""How large a JPEG XL is, told before its package decodes all of it."""

import contextlib
import random
from io import BytesIO

import pillow_jxl  # noqa: F401 - Pillow can write JPEG XL then
import pytest
from PIL import Image

from images.making import corners, encoded
from images.processes import workers
from images.test_optional import SIGNATURE, box
from uploadsvc.errors import Undecodable
from uploadsvc.images import Picture, Size, TooHeavy, TooManyPixels, Variant
from uploadsvc.images.jxl import check

BOX = Variant(Size(320, 240))


def bare(size, mode="RGB", **options):
    return encoded(Image.new(mode, size), "JXL", effort=1, **options)


def is_told(data, pixels):
    """That many are welcome, and one less is too few."""
    file = BytesIO(data)
    check(file, max_pixels=pixels)
    assert file.tell() == 0
    with pytest.raises(TooManyPixels):
        check(file, max_pixels=pixels - 1)


SIZES = [
    (1, 1), (8, 8), (120, 80), (256, 256), (257, 256), (1000, 1), (1, 1000), (400, 300),
    (513, 7), (640, 640), (768, 640), (900, 600), (960, 540), (1280, 1024), (1200, 600),
    (9000, 3),
]  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_header_says_how_many_pixels_there_are(size):
    is_told(bare(size), size[0] * size[1])


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_whatever_kind_they_are(mode):
    is_told(bare((400, 301), mode, lossless=True), 400 * 301)


FRAME = SIGNATURE + box(b"ftyp", b"jxl \0\0\0\0jxl ")
DATA = bare((300, 200))
BOXES = {
    "one box": box(b"jxlc", DATA),
    "behind another": box(b"Exif", bytes(100_000)) + box(b"jxlc", DATA),
    "to the end": bytes(4) + b"jxlc" + DATA,
    "a large box": (1).to_bytes(4, "big") + b"jxlc" + (16 + len(DATA)).to_bytes(8, "big") + DATA,
    "in parts": box(b"jxlp", bytes(4) + DATA[:3])
    + box(b"jbrd", b"something")
    + box(b"jxlp", b"\0\0\0\1" + DATA[3:5])
    + box(b"jxlp", b"\x80\0\0\2" + DATA[5:]),
}


@pytest.mark.parametrize("kind", BOXES)
def test_boxes_around_it_make_no_difference(kind):
    is_told(FRAME + BOXES[kind], 300 * 200)


def test_a_broken_one_is_measured_or_not_and_never_an_error(many):
    dice = random.Random(4)  # the same breaks in every run
    whole = FRAME + BOXES["in parts"]
    for _ in range(many(2_000, 100_000)):
        broken = bytearray(whole[: dice.randrange(len(whole))])
        for _ in range(dice.choice((0, 1, 2, 8)) if broken else 0):
            at = dice.randrange(min(120, len(broken)))
            broken[at] = dice.choice((0, 1, 0xFF, dice.randrange(256)))
        with contextlib.suppress(TooManyPixels):
            check(BytesIO(bytes(broken)), max_pixels=10**6)


@pytest.fixture
def outcome(make_decoders, tmp_path):
    """`outcome(data, memory)` in a process of its own, which must live."""

    def outcome(data, memory=300_000_000):
        decoders = make_decoders(memory=memory, max_pixels=50_000_000)
        small, file = tmp_path / "small", tmp_path / "large"
        small.write_bytes(encoded(corners(), "PNG"))
        file.write_bytes(data)
        decoders.draw(small, BOX)
        before = workers()
        try:
            return decoders.draw(file, BOX)
        except Undecodable as error:
            return error
        finally:
            assert workers() == before

    return outcome


def test_thousands_of_boxes_are_too_many_to_look_for_it():
    with pytest.raises(TooHeavy):
        check(BytesIO(FRAME + box(b"free", b"") * 5_000 + BOXES["one box"]), max_pixels=10**6)


@pytest.mark.live
def test_one_of_81_megapixels_in_18_kilobytes_is_refused_and_the_process_lives(outcome):
    data = bare((9000, 9000), lossless=True)

    assert len(data) < 18_000
    assert isinstance(outcome(data), TooManyPixels)


@pytest.mark.live
@pytest.mark.parametrize("memory", range(90, 290, 20))
def test_where_memory_ends_it_is_refused_and_the_process_lives(outcome, memory):
    """Its package ends with an abort, a panic or an error, by how much is missing."""
    answer = outcome(bare((6900, 5175)), memory * 1_000_000)

    assert isinstance(answer, (Picture, Undecodable))
    assert isinstance(answer, TooHeavy) or memory > 160
