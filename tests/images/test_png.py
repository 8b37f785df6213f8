"""PNG through a faster package where it is, with all 16 bits, and EXIF wherever it stands."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageChops

from images.making import (
    LIMIT,
    ORIENTATION,
    blank_png,
    deep_png,
    encoded,
    in_one_piece,
    interlaced_png,
    near,
    png,
    scenery,
    shown,
)
from images.processes import workers
from uploadsvc.errors import Undecodable
from uploadsvc.images import Picture, Recipe, Size, TooHeavy, Variant, draw_preview
from uploadsvc.images import png as our_png
from uploadsvc.images.opening import open_picture
from uploadsvc.images.orientation import orientation_of
from uploadsvc.images.preview import probe

BOX = Variant(Size(60, 60))
LARGE = 611, 419  # just enough pixels for the package to be worth it


def glass(size=LARGE):
    image = scenery(*size)
    image.putalpha(Image.radial_gradient("L").resize(size))
    return image


def decoded(data):
    file = BytesIO(data)
    return our_png.decode(file, open_picture(file, max_pixels=LIMIT))


TAKEN = {
    "RGB": lambda: encoded(scenery(*LARGE), "PNG", compress_level=1),
    "RGBA": lambda: encoded(glass(), "PNG", compress_level=1),
    "optimised": lambda: encoded(scenery(*LARGE), "PNG", optimize=True),
    "odd sides": lambda: encoded(scenery(1001, 251), "PNG", compress_level=1),
    "a row of bands": lambda: encoded(scenery(251, 3001), "PNG", compress_level=1),
    "interlaced RGB": lambda: interlaced_png(scenery(*LARGE)),
    "interlaced RGBA": lambda: interlaced_png(glass()),
    "with a profile": lambda: encoded(
        scenery(*LARGE), "PNG", icc_profile=b"a profile", compress_level=1
    ),
    "many pieces": lambda: in_pieces(encoded(scenery(*LARGE), "PNG", compress_level=1)),
}


def in_pieces(data):
    """The same picture with its data in chunks of a hundred bytes."""
    at = data.index(b"IDAT")
    body = data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at], "big")]
    chunks = [(b"IDAT", body[n : n + 100]) for n in range(0, 3000, 100)]
    return png(*LARGE, before=chunks, data=zlib_rest(data)[3000:])


def zlib_rest(data):
    """All of the compressed data of a PNG."""
    found, at = b"", 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            found += data[at + 8 : at + 8 + length]
        at += 12 + length
    return found


@pytest.mark.parametrize("kind", TAKEN)
def test_the_package_gives_the_pixels_that_pillow_gives(kind):
    data = TAKEN[kind]()
    pixels = decoded(data)

    assert in_one_piece(pixels).tobytes() == Image.open(BytesIO(data)).tobytes()


def with_key():
    return encoded(scenery(*LARGE), "PNG", transparency=(1, 2, 3))


LEFT_TO_PILLOW = {
    "a small one": lambda: encoded(scenery(499, 500), "PNG"),
    "palette": lambda: encoded(scenery(*LARGE).quantize(), "PNG"),
    "gray": lambda: encoded(scenery(*LARGE).convert("L"), "PNG", compress_level=1),
    "gray and alpha": lambda: encoded(glass().convert("LA"), "PNG", compress_level=1),
    "single bits": lambda: encoded(scenery(*LARGE).convert("1"), "PNG"),
    "deep gray": lambda: encoded(Image.new("I;16", LARGE, 777), "PNG"),
    "deep RGBA": lambda: deep_png(9, 9, lambda x, y: (x, y, 9, 9), colour=6),
    "a transparent colour": with_key,
    "one that moves": lambda: encoded(
        scenery(*LARGE), "PNG", save_all=True, append_images=[glass().convert("RGB")]
    ),
}


@pytest.mark.parametrize("kind", LEFT_TO_PILLOW)
def test_other_kinds_are_left_to_pillow(kind):
    data = LEFT_TO_PILLOW[kind]()

    assert decoded(data) is None


@pytest.mark.parametrize(("kind", "share"), [("RGB", 1), ("RGBA", 50), ("RGB", 90)])
def test_one_that_is_cut_short_is_refused(kind, share):
    data = TAKEN[kind]()

    with pytest.raises(Undecodable):
        draw_preview(BytesIO(data[: len(data) * share // 100]), BOX)


def test_broken_data_is_refused():
    data = bytearray(TAKEN["RGB"]())
    data[len(data) // 2] ^= 0xFF

    with pytest.raises(Undecodable):
        draw_preview(BytesIO(bytes(data)), BOX)


def outcome(decoders, file):
    try:
        return type(decoders.draw(file, BOX))
    except Exception as error:
        return type(error)


LIVE = [pytest.param(n, marks=pytest.mark.live) for n in (45, 50, 60, 70, 105, 115, 135, 145)]


@pytest.mark.parametrize("megabytes", [75, 100, *LIVE])
def test_with_too_little_memory_it_is_refused_and_the_process_lives(
    make_decoders, tmp_path, megabytes
):
    """To load the package, or to decode with it, would end the process."""
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(blank_png(5000, 4000, colour=6, samples=4))
    small.write_bytes(encoded(scenery(), "PNG"))
    decoders = make_decoders(memory=megabytes * 1_000_000)
    decoders.draw(small, BOX)
    before = workers()

    drawn = outcome(decoders, large)
    # Around 125 it depends on what was decoded before.
    assert drawn is TooHeavy or megabytes > 110
    assert drawn is Picture or megabytes < 150
    assert outcome(decoders, small) is Picture
    assert workers() == before


def ramp(x, y):
    """256 levels within one of those that 8 bits have."""
    return 0x4000 + x, 0x4000 + x, 0x40FF - x


def test_the_low_bytes_of_deep_colours_are_kept():
    small = shown(draw_preview(BytesIO(deep_png(256, 8, ramp)), Variant(Size(64, 64), "png")))

    # 0x4000 is 63.75 of 255, 0x40FF is 64.74.
    assert small.getpixel((5, 1)) == (64, 64, 65)
    assert small.getpixel((60, 1)) == (65, 65, 64)


def test_pillow_alone_drops_the_low_bytes():
    image = Image.open(BytesIO(deep_png(256, 8, ramp)))

    assert image.getextrema() == ((64, 64),) * 3


@pytest.mark.parametrize("size", [(64, 64), (63, 63), (7, 7)])
def test_deep_colours_are_averaged_before_they_are_rounded(size):
    def striped(x, y):
        return (0x3FFF if x % 2 else 0x4001, 65535 * (x % 2), 0x1234)

    data = deep_png(256, 256, striped)
    image = shown(draw_preview(BytesIO(data), Variant(Size(*size), "png")))

    middle = image.getpixel((size[0] // 2, size[1] // 2))
    assert near(middle, (64, 128, 18), 1)
    assert middle[0] == round(0x4000 / 257)


def test_deep_colours_average_as_light_when_told():
    data = deep_png(64, 64, lambda x, y: (65535 * ((x + y) % 2),) * 3)
    picture = draw_preview(BytesIO(data), Variant(Size(16, 16), "png"), Recipe(linear=True))

    assert near(shown(picture).getpixel((8, 8)), (188,) * 3, 1)


def exif(orientation=6):
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags.tobytes()[6:]


def row_of(width, height):
    return zlib.compress(bytes(width * 3 + 1) * height)


@pytest.mark.parametrize("size", [(30, 20), (700, 400)], ids=["small", "large"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_exif_is_found_before_and_behind_the_pixels(size, where):
    chunks = [(b"tEXt", b"Comment\0hello"), (b"eXIf", exif())]
    data = png(*size, data=row_of(*size), **{where: chunks})

    picture, facts = draw_preview(BytesIO(data), BOX), probe(BytesIO(data))
    assert (facts.width, facts.height) == picture.full == size[::-1]
    assert picture.height > picture.width


def lies(data):
    """Which way up a PNG lies, by what is known before it is decoded."""
    return orientation_of(open_picture(BytesIO(data), max_pixels=LIMIT))


def test_the_picture_is_not_decoded_to_find_it():
    data = png(30, 20, data=b"no pixels at all", after=[(b"eXIf", exif())])

    assert lies(data) == 6
    with pytest.raises(OSError, match="broken data"):
        Image.open(BytesIO(data)).getexif()


@pytest.mark.parametrize("length", [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\0"])
def test_lengths_that_lie_end_the_search(length):
    data = png(30, 20, data=row_of(30, 20), after=[(b"tEXt", b"a\0b"), (b"eXIf", exif())])
    at = data.index(b"tEXt")

    assert lies(data) == 6
    assert lies(data[: at - 4] + length + data[at:]) == 1


def test_text_is_not_read_to_find_it():
    bomb = b"a\0\0" + zlib.compress(bytes(80 << 20), 1)
    data = png(30, 20, data=row_of(30, 20), after=[(b"zTXt", bomb), (b"eXIf", exif())])

    assert lies(data) == 6
    with pytest.raises(ValueError, match="too large"):
        Image.open(BytesIO(data)).getexif()


def test_what_was_found_is_not_sent_on():
    data = png(700, 400, data=row_of(700, 400), after=[(b"eXIf", exif())])

    for kind in ("png", "jpeg", "webp"):
        assert len(shown(draw_preview(BytesIO(data), Variant(Size(60, 60), kind))).getexif()) == 0


def test_bands_join_without_a_seam():
    image = scenery(700, 900)
    picture = draw_preview(BytesIO(encoded(image, "PNG")), Variant(Size(100, 100), "png"))

    ideal = image.reduce(4).resize((77, 100), Image.Resampling.LANCZOS, box=(0, 0, 175, 225))
    worst = ImageChops.difference(shown(picture), ideal).getextrema()
    assert max(high for _, high in worst) <= 2
    assert struct.unpack(">II", picture.data[16:24]) == (77, 100)
