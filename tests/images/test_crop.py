"""The size that was asked for is the size that comes, and what it crops to is the middle."""

import random
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from images.making import ORIENTATION, corners, encoded, near, scenery, shown
from uploadsvc.images import Recipe, Size, Variant, draw_preview

# How a picture must lie in the file so that its EXIF orientation brings it upright.
LYING = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
KINDS = ["JPEG", "PNG", "WEBP", "TIFF", "JPEG2000"]


def drawn(data, size, *, linear=False, **options):
    return draw_preview(BytesIO(data), Variant(size, "png", **options), Recipe(linear=linear))


def target(width=240, height=120):
    """Red, with a blue square in the middle that is as high as the picture."""
    image = Image.new("RGB", (width, height), "red")
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    image.paste("blue", (left, top, left + short, top + short))
    return image


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("picture", [(240, 120), (120, 240), (961, 480), (1600, 1601)], ids=str)
def test_a_crop_has_exactly_the_size_and_is_the_middle(kind, linear, picture):
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    image = shown(drawn(encoded(target(*picture), kind, **options), Size(48, 48, crop=True)))

    assert image.size == (48, 48)
    middle = image.crop((2, 2, 46, 46)).convert("RGB").getextrema()
    assert all(map(near, middle, [(0, 0), (0, 0), (255, 255)], [30] * 3))


@pytest.mark.parametrize("width", [46, 47, 48, 50])
def test_the_edges_of_the_crop_are_where_the_middle_ends(width):
    """A square that is too narrow or too wide by a pixel at each side would be seen."""
    image = shown(drawn(encoded(target(480, 240), "PNG"), Size(width, 48, crop=True)))
    left, right = image.getpixel((0, 24)), image.getpixel((width - 1, 24))

    assert near(left, right, 3)
    assert (left[0] > 100) == (width == 50)


def asymmetric(width, height):
    """Four colours, and a fifth around the point where they meet."""
    image = corners(width, height)
    image.paste("black", (width // 2 - 8, height // 2 - 8, width // 2 + 8, height // 2 + 8))
    return image


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("size", [Size(60, 30, crop=True), Size(30, 60, crop=True)], ids=str)
def test_a_crop_is_upright_and_of_what_is_upright(kind, orientation, size):
    turn = LYING[orientation]
    upright = asymmetric(240, 160)
    lying = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}

    picture = drawn(encoded(lying, kind, exif=exif, **options), size)

    ideal = upright.resize((size.width, size.height), box=size.part(240, 160))
    assert shown(picture).size == (size.width, size.height)
    assert picture.full == (240, 160)
    assert max(ImageStat.Stat(ImageChops.difference(shown(picture), ideal)).rms) < 12


def test_turned_after_the_crop_alone_it_would_be_another_part():
    size = Size(60, 30, crop=True)
    lying = asymmetric(240, 160).transpose(LYING[6])
    wrong = lying.resize((60, 30), box=size.part(*lying.size)).transpose(Image.Transpose.ROTATE_180)
    ideal = asymmetric(240, 160).resize((60, 30), box=size.part(240, 160))

    assert max(ImageStat.Stat(ImageChops.difference(wrong, ideal)).rms) > 12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("picture", "size"), [((10, 30), (75, 75)), ((100, 20), (75, 75)), ((1, 1), (9, 5))], ids=str
)
def test_a_smaller_picture_is_enlarged_only_as_far_as_it_must_be(kind, picture, size):
    image = scenery(*picture)
    crop = Size(*size, crop=True)
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    small = shown(drawn(encoded(image, kind, **options), crop))

    left, top, right, bottom = crop.part(*picture)
    assert small.size == size
    assert (right - left == picture[0]) or (bottom - top == picture[1])
    ideal = image.resize(size, Image.Resampling.LANCZOS, box=(left, top, right, bottom))
    assert max(ImageStat.Stat(ImageChops.difference(small, ideal)).rms) < 14


def test_a_crop_of_a_crop_needs_no_whole_pixels():
    """The middle of 7 pixels that is 3.5 wide begins at 1.75."""
    image = Image.new("L", (7, 2), 0)
    image.paste(200, (1, 0, 2, 2))
    picture = drawn(encoded(image, "PNG"), Size(7, 4, crop=True))

    assert Size(7, 4, crop=True).part(7, 2) == (1.75, 0, 5.25, 2)
    # A quarter of the bright pixel is within, at the left; half a pixel is drawn of it.
    levels = [shown(picture).getpixel((x, 2)) for x in range(7)]
    assert levels[0] > 60
    assert max(levels[2:]) < 30


def test_every_size_is_rounded_as_it_was_promised(many):
    dice = random.Random(4)
    for _ in range(many(60, 2_000)):
        width, height = dice.randrange(1, 400), dice.randrange(1, 400)
        size = Size(dice.randrange(1, 300), dice.randrange(1, 300), crop=dice.random() < 0.3)
        data = encoded(Image.new("RGB", (width, height), "teal"), dice.choice(KINDS))
        picture = drawn(data, size, linear=dice.random() < 0.5)

        promised = size.fit(width, height)
        assert (picture.width, picture.height) == shown(picture).size == promised, (size, data[:9])
        assert picture.full == (width, height)
        assert near(shown(picture).getpixel((0, 0)), (0, 128, 128), 3), (size, width, height)


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_the_whole_is_told_whatever_was_decoded_of_it(kind):
    picture = drawn(encoded(scenery(801, 603), kind), Size(60, 60))

    assert picture.full == (801, 603)
    assert (picture.width, picture.height) == (60, 45)


def test_one_drawn_from_a_preview_of_it_has_the_size_of_one_drawn_from_it():
    whole = encoded(scenery(1000, 667), "JPEG", quality=95)
    half = drawn(whole, Size(500, 500))
    assert (half.width, half.height) == (500, 333)

    # 333 of 500 alone would make 159 of 240.
    for size in (Size(240, 240), Size(200, 100), Size(90, 90, crop=True)):
        again, first = drawn(half.data, size, full=half.full), drawn(whole, size)
        assert (again.width, again.height) == (first.width, first.height)
        assert again.full == (1000, 667)
        difference = ImageChops.difference(shown(again), shown(first))
        assert max(ImageStat.Stat(difference).rms) < 3


@pytest.mark.parametrize("kind", ["JPEG", "progressive", "WEBP", "JPEG2000"])
@pytest.mark.parametrize("width", [81, 84, 161, 165])
@pytest.mark.parametrize("turn", [False, True], ids=["across", "down"])
def test_what_was_decoded_at_a_fraction_lies_where_it_lay(kind, width, turn):
    """A ramp: a shift by a tenth of a pixel of the preview is four levels."""
    ramp = Image.frombytes("L", (width, 1), bytes(x * 240 // width + 5 for x in range(width)))
    image = ramp.resize((width, width)).convert("RGB")
    if turn:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    options = {"progressive": True} if kind == "progressive" else {}
    data = encoded(image, "JPEG" if kind == "progressive" else kind, **options)

    small = shown(drawn(data, Size(6, 6))).convert("L")

    levels = [small.getpixel((3, n) if turn else (n, 3)) for n in range(6)]
    assert near(levels, [25, 65, 105, 145, 185, 225], 8)


def test_a_crop_of_a_wide_picture_keeps_its_detail():
    """What is scaled to the size of the crop, rather than of the whole, has lost it."""
    image = Image.new("RGB", (1600, 400))
    for x in range(0, 1600, 16):
        image.paste("white", (x, 0, x + 8, 400))
    size = Size(100, 100, crop=True)

    picture = drawn(encoded(image, "WEBP", quality=95), size)

    ideal = image.resize((100, 100), Image.Resampling.LANCZOS, box=size.part(1600, 400))
    assert max(ImageStat.Stat(ImageChops.difference(shown(picture), ideal)).rms) < 12
