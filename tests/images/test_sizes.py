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
        ((321, 10), (320, 10)),
    ],
)
def test_fits_in_the_box_with_its_shape_and_never_grows(picture, fitted):
    assert Size(320, 240).fit(*picture) == fitted


def test_is_written_as_people_write_it():
    assert str(Size(320, 240)) == "320x240"
