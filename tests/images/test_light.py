"""Light is averaged where that is asked for, and deep samples are kept until the end."""

import struct
from io import BytesIO

import pytest
from PIL import Image

from images.making import deep_png, encoded, near, scenery, shown
from uploadsvc.images import Recipe, Size, Variant, draw_preview

# Half the light of white, on the curve of sRGB, and half of its number.
HALF_LIGHT, HALF_NUMBER = 188, 127.5
GRAYS = ["1", "L", "LA", "I;16"]


def drawn(data, size=(20, 20), *, linear=False):
    picture = draw_preview(BytesIO(data), Variant(Size(*size), "png"), Recipe(linear=linear))
    return shown(picture)


def dots(mode="RGB", size=(80, 80)):
    """Every second pixel black and every second one white."""
    image = Image.new("1", size)
    image.putdata([255 * ((x + y) % 2) for y in range(size[1]) for x in range(size[0])])
    if mode == "I;16":
        return image.convert("I").point(lambda v: v * 257).convert("I;16")
    return image.convert("L").convert(mode)


def middle(image):
    pixel = image.getpixel((image.width // 2, image.height // 2))
    return pixel if isinstance(pixel, tuple) else (pixel,)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", *GRAYS])
def test_half_the_light_is_shown_as_half_the_light_when_told(mode):
    data = encoded(dots(mode), "PNG")

    assert near(middle(drawn(data, linear=True))[:1], (HALF_LIGHT,), 1)
    assert near(middle(drawn(data))[:1], (HALF_NUMBER,), 1)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
@pytest.mark.parametrize(("side", "tolerance"), [(20, 1), (30, 9), (60, 40)])
def test_light_is_averaged_in_other_formats_and_at_other_sizes(kind, side, tolerance):
    """The nearer the size, the more is seen of the dots themselves."""
    data = encoded(dots(), kind)

    assert near(middle(drawn(data, (side, side), linear=True))[:1], (HALF_LIGHT,), tolerance)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 95}), ("WEBP", {})])
def test_light_is_averaged_in_what_is_decoded_whole(kind, options):
    data = encoded(dots(), kind, **options)

    assert near(middle(drawn(data, (54, 54), linear=True))[:1], (HALF_LIGHT,), 8)
    assert near(middle(drawn(data, (54, 54)))[:1], (HALF_NUMBER,), 8)


@pytest.mark.parametrize("linear", [False, True])
def test_what_is_even_stays_as_it_is(linear):
    for level in range(0, 256, 5):
        image = Image.new("RGBA", (64, 48), (level, 255 - level, 99, 200))
        assert near(middle(drawn(encoded(image, "PNG"), linear=linear)), image.getpixel((9, 9)), 1)


@pytest.mark.parametrize("colour", [0, 2], ids=["gray", "RGB"])
@pytest.mark.parametrize("linear", [False, True])
def test_what_is_even_and_deep_stays_as_it_is(linear, colour):
    for level in range(0, 256, 15):
        data = deep_png(16, 16, lambda x, y, n=level: (n * 257,) * (1 + colour), colour=colour)
        assert middle(drawn(data, (9, 9), linear=linear))[0] == level


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_black_and_white_stay_so(linear, mode):
    image = Image.new(mode, (64, 64), "black")
    image.paste("white", (32, 0, 64, 64))
    small = drawn(encoded(image, "PNG"), (16, 16), linear=linear).convert("L")

    assert small.getpixel((2, 8)) == 0
    assert small.getpixel((13, 8)) == 255


def glass(mode, *, left, right, hidden):
    """A stripe in each block of two that is opaque or not; the other has a colour as well."""
    image = Image.new(mode, (64, 64), hidden)
    for x in range(0, 64, 2):
        image.paste(left, (x, 0, x + 1, 64))
        if right is not None:
            image.paste(right, (x + 1, 0, x + 2, 64))
    return image


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(
    ("mode", "seen", "hidden"),
    [("RGBA", (200, 100, 50, 255), (0, 255, 255, 0)), ("LA", (200, 255), (0, 0))],
)
def test_colours_are_weighed_by_their_alpha(linear, mode, seen, hidden):
    image = glass(mode, left=seen, right=None, hidden=hidden)

    assert near(middle(drawn(encoded(image, "PNG"), (16, 16), linear=linear)), (*seen[:-1], 128), 2)


def test_alpha_itself_is_no_light():
    """Half covered is half covered, whatever the curve."""
    image = glass("RGBA", left=(255, 255, 255, 255), right=None, hidden=(255, 255, 255, 0))

    assert near(middle(drawn(encoded(image, "PNG"), (16, 16), linear=True)), (255, 255, 255, 128))


def test_light_is_weighed_by_alpha():
    """White that counts once and black that counts a third of it."""
    image = glass("RGBA", left=(255,) * 4, right=(0, 0, 0, 85), hidden=0)
    pixel = middle(drawn(encoded(image, "PNG"), (16, 16), linear=True))

    # Three quarters of the light; 170 is the mean alpha.
    assert near(pixel, (225, 225, 225, 170), 1)


def gray_ramp(low, width=256):
    return deep_png(width, 16, lambda x, y: (low + x,), colour=0)


@pytest.mark.parametrize(("low", "first", "last"), [(0x4000, 64, 65), (0x7F80, 127, 128)])
def test_gray_of_16_bits_is_rounded_only_at_the_end(low, first, last):
    small = drawn(gray_ramp(low), (64, 64))

    assert small.mode == "L"
    assert (small.getpixel((2, 2)), small.getpixel((61, 2))) == (first, last)
    # The step is where 257 times the level and a half lies, and nowhere else.
    step = (257 * (first + 0.5) - low) / 4
    levels = [small.getpixel((x, 2)) for x in range(64)]
    assert levels == sorted(levels)
    assert abs(levels.index(last) - step) <= 1


def test_the_high_byte_alone_would_be_one_level():
    data = gray_ramp(0x4000)
    high = Image.open(BytesIO(data)).point(lambda v: v * (1 / 256) + 0).convert("L")

    assert high.getextrema()[0] == high.getextrema()[1]


@pytest.mark.parametrize("linear", [False, True])
def test_one_number_of_16_bits_may_mean_that_nothing_is_there(linear):
    """Its neighbour, which has the same high byte, is not meant."""
    key = [(b"tRNS", struct.pack(">H", 1234))]
    data = deep_png(40, 40, lambda x, y: (1234 + (x >= 20),), colour=0, before=key)
    small = drawn(data, linear=linear)

    assert small.mode == "LA"
    assert small.getpixel((3, 10))[1] == 0
    assert small.getpixel((16, 10)) == (round(1235 / 257), 255)


@pytest.mark.parametrize("linear", [False, True])
def test_samples_of_32_bits_and_of_none_are_scaled_by_what_they_reach(linear):
    ramp = Image.linear_gradient("L").convert("F")
    for top in (1.0, 255.0, 65535.0, 1e6):
        deep = ramp.point(lambda v, top=top: v * (top / 255) + 0)
        small = drawn(encoded(deep, "TIFF"), (64, 64), linear=linear)
        assert near((small.getpixel((30, 2)), small.getpixel((30, 61))), (10, 246), 4), top
    whole = ramp.point(lambda v: v * 257 + 0).convert("I")
    assert near((drawn(encoded(whole, "TIFF"), (64, 64)).getpixel((30, 61)),), (246,), 4)


def test_where_nothing_is_shrunk_the_samples_stay():
    image = scenery(40, 30)

    for linear in (False, True):
        assert drawn(encoded(image, "PNG"), (99, 99), linear=linear).tobytes() == image.tobytes()


def test_a_quarter_of_the_light():
    """A quarter of the light of white is 137, a quarter of its number 64."""
    image = Image.new("L", (64, 64), 0)
    for x in range(0, 64, 4):
        image.paste(255, (x, 0, x + 1, 64))

    assert near(middle(drawn(encoded(image, "PNG"), (16, 16), linear=True)), (137,), 1)
    assert near(middle(drawn(encoded(image, "PNG"), (16, 16))), (64,), 1)
