"""What a preview looks like, whatever the picture was."""

import struct
from io import BytesIO

import pytest
from PIL import Image

from images.making import LIMIT, ORIENTATION, corners, encoded, near, png_with_text, shown
from uploadsvc.errors import Undecodable
from uploadsvc.images import Recipe, Size, Variant, draw_preview

BOX = Size(60, 60)
RED, LIME, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
UPRIGHT = [RED, LIME, BLUE, WHITE]
FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF"]

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


def draw(data, size=BOX):
    return draw_preview(BytesIO(data), Variant(size), Recipe(max_pixels=LIMIT))


def quarters(image):
    """The colours in the middle of the four quarters, by rows."""
    image = image.convert("RGB")
    places = [(x, y) for y in (1, 3) for x in (1, 3)]
    return [image.getpixel((x * image.width // 4, y * image.height // 4)) for x, y in places]


def looks_like_corners(picture):
    return all(map(near, quarters(shown(picture)), UPRIGHT, [30] * 4))


@pytest.mark.parametrize("kind", FORMATS)
def test_draws_each_format(kind):
    picture = draw(encoded(corners(), kind))

    assert (picture.width, picture.height) == (60, 40) == shown(picture).size
    assert (picture.media_type, picture.extension) == ("image/jpeg", "jpeg")
    assert shown(picture).format == "JPEG"
    assert looks_like_corners(picture)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF", "TIFF", "MPO"])
def test_the_first_of_several_frames_is_the_picture(kind):
    later = [Image.new("RGB", (120, 80), "black")] * 3

    assert looks_like_corners(draw(encoded(corners(), kind, save_all=True, append_images=later)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("size", [Size(60, 60), Size(60, 20), Size(500, 500)], ids=str)
def test_is_upright(kind, orientation, size):
    turn = LYING[orientation]
    lying = corners() if turn is None else corners().transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    picture = draw(encoded(lying, kind, exif=exif), size)

    assert (picture.width, picture.height) == size.fit(120, 80)
    assert looks_like_corners(picture)
    assert ORIENTATION not in shown(picture).getexif()


def test_plain_pillow_leaves_it_lying():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = Image.open(BytesIO(encoded(corners(), "JPEG", exif=exif)))
    image.thumbnail((60, 60))

    assert image.size == (60, 40)


def test_is_never_enlarged():
    picture = draw(encoded(corners(30, 20), "PNG"), Size(2048, 2048))

    assert (picture.width, picture.height) == (30, 20)


def test_a_side_is_at_least_one_pixel():
    picture = draw(encoded(Image.new("RGB", (3000, 2)), "PNG"))

    assert (picture.width, picture.height) == (60, 1)


def red_glass():
    """Opaque blue beside transparent red, with the edge in the middle of a block."""
    image = Image.new("RGBA", (120, 80), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (64, 0, 120, 80))
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_what_is_transparent_stays_so_and_its_colour_does_not_bleed(kind):
    exact = {
        "WEBP": {"lossless": True, "exact": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    options = exact.get(kind, {})
    picture = draw(encoded(red_glass(), kind, **options), Size(40, 40))

    image = shown(picture)
    assert (picture.media_type, picture.extension, image.mode) == ("image/png", "png", "RGBA")
    assert image.getpixel((5, 5))[3] == 0
    assert near(image.getpixel((35, 5)), (0, 0, 255, 255))
    seen = [image.getpixel((x, 10)) for x in range(image.width)]
    assert all(red < 30 for red, _, _, alpha in seen if alpha > 20)


def test_resampling_each_channel_alone_would_bleed():
    image = red_glass()
    small = Image.merge("RGBA", [band.resize((40, 27)) for band in image.split()])

    assert (
        max(small.getpixel((x, 10))[0] for x in range(40) if small.getpixel((x, 10))[3] > 20) > 30
    )


def test_alpha_that_is_opaque_everywhere_is_dropped():
    image = corners().convert("RGBA")

    assert draw(encoded(image, "PNG")).media_type == "image/jpeg"


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "I;16"])
def test_a_transparent_colour_counts_as_transparency(mode):
    gray = Image.new("L", (40, 40), 255)
    gray.paste(0, (0, 0, 20, 40))
    key = {"RGB": (0, 0, 0)}.get(mode, 0)
    image = gray.point(lambda v: v * 257, "I").convert("I;16") if mode == "I;16" else gray
    image = image.convert(mode)

    picture = draw(encoded(image, "PNG", transparency=key), Size(20, 20))

    small = shown(picture).convert("RGBA")
    assert small.getpixel((3, 10))[3] == 0
    assert small.getpixel((16, 10)) == (255, 255, 255, 255)


def test_a_palette_is_not_averaged_as_numbers():
    """Every second pixel black and white, through a palette that has red between the two."""
    image = Image.new("P", (80, 80))
    image.putpalette([0, 0, 0, 255, 0, 0, 255, 255, 255])
    image.putdata([2 * ((x + y) % 2) for y in range(80) for x in range(80)])

    assert near(shown(draw(encoded(image, "PNG"), Size(20, 20))).getpixel((9, 9)), (127,) * 3)


def test_single_bits_become_grays():
    image = Image.new("1", (80, 80))
    image.putdata([255 * ((x + y) % 2) for y in range(80) for x in range(80)])

    assert near([shown(draw(encoded(image, "PNG"), Size(20, 20))).getpixel((9, 9))], [127])


@pytest.mark.parametrize(("sample", "level"), [(0, 0), (256, 1), (20_000, 78), (65_535, 255)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut_off(kind, sample, level):
    image = Image.new("I;16", (80, 80), sample)

    assert near([shown(draw(encoded(image, kind))).getpixel((9, 9))], [level], 2)


def test_floating_samples_reach_from_black_to_white():
    image = Image.linear_gradient("L").convert("F").point(lambda sample: sample * (1 / 255) + 0)
    small = shown(draw(encoded(image, "TIFF")))

    assert near([small.getpixel((9, 1)), small.getpixel((9, 58))], [5, 250], 8)


def test_cmyk_is_shown_in_the_right_colours():
    picture = draw(encoded(corners().convert("CMYK"), "JPEG"))

    assert shown(picture).mode == "RGB"
    assert looks_like_corners(picture)


def test_gray_stays_gray():
    assert shown(draw(encoded(corners().convert("L"), "JPEG"))).mode == "L"


def test_nothing_but_pixels_comes_out():
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    data = encoded(corners(), "JPEG", exif=exif, comment=b"<script>", xmp=b"<x:xmpmeta/>")
    assert Image.open(BytesIO(data)).getexif().get_ifd(0x8825)

    picture = draw(data)

    assert set(shown(picture).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not any(word in picture.data for word in (b"Exif", b"maker", b"<script", b"xmp"))


def test_text_in_a_png_does_not_come_out():
    data = png_with_text("<script>alert(1)</script>")
    transparent = Image.open(BytesIO(data)).convert("RGBA")
    transparent.putalpha(100)
    transparent.info["Comment"] = "<script>"

    assert b"<script" in data
    assert b"<script" not in draw(data).data
    assert set(shown(draw(encoded(transparent, "PNG"))).info) == set()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0, 10, 40, 70, 95])
def test_a_file_that_is_cut_short_is_refused(kind, share):
    noise = Image.effect_noise((300, 300), 90).convert("RGB")
    data = encoded(noise, kind)

    with pytest.raises(Undecodable):
        draw(data[: len(data) * share // 100])


def test_a_thumbnail_of_plain_pillow_hides_the_cut():
    data = encoded(Image.effect_noise((640, 640), 90).convert("RGB"), "JPEG")
    image = Image.open(BytesIO(data[: len(data) // 4]))
    image.draft("RGB", (80, 80))
    image.thumbnail((80, 80))

    assert image.size == (80, 80)


def test_the_name_and_the_type_it_claims_mean_nothing(tmp_path):
    file = tmp_path / "photo.png"
    file.write_bytes(encoded(corners(), "JPEG"))

    with file.open("rb") as opened:
        assert draw_preview(opened, Variant(BOX)).width == 60


FOREIGN = {
    "nothing": b"",
    "text": b"hello, world\n" * 9,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>",
    "ppm": b"P6 2 2 255 " + bytes(12),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n%%EOF\n",
    "xbm": b"#define a_width 2\n#define a_height 2\nstatic char a_bits[] = {0,0};\n",
    "icns": encoded(corners(32, 32), "ICNS"),
    "tga": encoded(corners(), "TGA"),
    "zip": b"PK\3\4" + struct.pack("<9H", *range(9)),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_other_formats_are_refused(what):
    with pytest.raises(Undecodable, match="not a picture that can be shown"):
        draw(FOREIGN[what])


def test_broken_exif_does_not_hide_the_picture():
    data = encoded(corners(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(7))

    assert looks_like_corners(draw(data))
