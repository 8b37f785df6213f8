"""What may be asked for, and what comes of it."""

import pytest

from uploadsvc.errors import BadInput
from uploadsvc.images import Size

NOT_SIZES = [
    "", "0", "-1", "+5", " 5", "5 ", "5\n", "1e3", "1_0", "010", "1.5", "0x10",
    "１００", "٥", "NaN", "65535", "100000", "9" * 5000, "5;6", "None",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_SIZES)
def test_refuses_what_is_no_size(text):
    with pytest.raises(BadInput, match="whole number from 1 to 2048"):
        Size.parse(text, "10", max_side=2048)
    with pytest.raises(BadInput):
        Size.parse("10", text, max_side=2048)


def test_plain_int_would_take_many_of_them():
    taken = [text for text in (" 5", "+5", "１００", "1_0") if int(text) > 0]

    assert len(taken) == 4


def test_the_limit_is_welcome_and_one_more_is_not():
    assert Size.parse("2048", "1", max_side=2048) == Size(2048, 1)

    with pytest.raises(BadInput):
        Size.parse("2049", "1", max_side=2048)


@pytest.mark.parametrize("sides", [(0, 1), (1, 0), (-1, 5)])
def test_one_that_exists_is_valid(sides):
    with pytest.raises(BadInput):
        Size(*sides)


@pytest.mark.parametrize(
    ("picture", "fitted"),
    [
        ((640, 480), (320, 240)),
        ((480, 640), (180, 240)),
        ((4272, 2848), (320, 213)),
        ((320, 240), (320, 240)),
        ((100, 50), (100, 50)),
        ((1, 1), (1, 1)),
        ((50_000, 1), (320, 1)),
        ((1, 50_000), (1, 240)),
        ((321, 10), (320, 9)),
        ((640, 479), (320, 239)),
    ],
)
def test_fits_in_the_box_with_its_shape_and_never_grows(picture, fitted):
    assert Size(320, 240).fit(*picture) == fitted


def test_is_written_as_people_write_it():
    assert str(Size(320, 240)) == "320x240"


@pytest.mark.parametrize("picture", [(640, 480), (480, 640), (100, 50), (1, 1), (5, 5_000)])
def test_a_size_that_crops_is_filled_whatever_the_shape(picture):
    assert Size(75, 60, crop=True).fit(*picture) == (75, 60)


@pytest.mark.parametrize(
    ("picture", "part"),
    [
        ((640, 480), (80, 0, 560, 480)),
        ((480, 640), (0, 80, 480, 560)),
        ((75, 75), (0, 0, 75, 75)),
        ((10, 30), (0, 10, 10, 20)),
    ],
)
def test_what_is_cropped_is_the_middle(picture, part):
    assert Size(75, 75, crop=True).part(*picture) == part


def test_without_a_crop_all_of_it_is_shown():
    assert Size(75, 75).part(640, 480) == (0, 0, 640, 480)


@pytest.mark.parametrize("text", ["1x1", "320x240", "75x75!", "2048x2048!"])
def test_is_read_as_it_is_written(text):
    assert str(Size.read(text, max_side=2048)) == text


@pytest.mark.parametrize(
    "text",
    ["", "x", "320", "320x", "x240", "320x240!!", "!320x240", "320X240", "320x240 ", "032x10",
     "0x5", "5x0", "-5x5", "3.5x3", "1e3x5", "3２0x5", "2049x1", "1x2049!", "1x1x1", "320x240\n"],
)  # fmt: skip
def test_refuses_to_read_what_is_none(text):
    with pytest.raises(BadInput):
        Size.read(text, max_side=2048)
