"""Each format that previews come in: what it shows, what it cannot, and nothing but pixels."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat, PngImagePlugin

from images.making import ORIENTATION, encoded, near, scenery, shown
from uploadsvc.images import MEDIA_TYPES, Recipe, Size, Variant, draw_preview
from uploadsvc.images.recipe import STANDARD

BOX = Size(100, 100)
FIXED = ["avif", "gif", "jpeg", "png", "webp"]
CHOICES = [*FIXED, "auto", "avif-or-webp"]


def glass(image):
    """Opaque, half and not at all, from the left to the right."""
    image = image.copy()
    alpha = Image.new("L", image.size, 255)
    alpha.paste(128, (80, 0, 140, image.height))
    alpha.paste(0, (140, 0, image.width, image.height))
    image.putalpha(alpha)
    return image


COLOURS = scenery(200, 150)
PICTURES = {
    "opaque": COLOURS,
    "gray": COLOURS.convert("L"),
    "glass": glass(COLOURS),
    "gray glass": glass(COLOURS.convert("L")),
}


def drawn(image, format, recipe=STANDARD, **options):
    return draw_preview(BytesIO(encoded(image, "PNG", **options)), Variant(BOX, format), recipe)


def distance(one, other):
    return max(ImageStat.Stat(ImageChops.difference(one, other)).rms)


def ideal(image, mode="RGBA"):
    return image.convert("RGBA").resize((100, 75), Image.Resampling.LANCZOS).convert(mode)


@pytest.mark.parametrize("format", CHOICES)
@pytest.mark.parametrize("name", PICTURES)
def test_each_format_comes_as_what_it_says_it_is(format, name):
    picture = drawn(PICTURES[name], format)
    image = shown(picture)

    assert picture.extension in Variant(BOX, format).extensions
    assert picture.media_type == MEDIA_TYPES[picture.extension] == Image.MIME[image.format]
    assert (picture.width, picture.height) == image.size == (100, 75)
    assert not picture.animated


@pytest.mark.parametrize("format", [*FIXED, "avif-or-webp"])
@pytest.mark.parametrize("name", ["opaque", "gray"])
def test_what_is_opaque_looks_the_same_in_each(format, name):
    image = shown(drawn(PICTURES[name], format))

    assert not image.has_transparency_data
    assert distance(image.convert("RGB"), ideal(PICTURES[name], "RGB")) < 9


@pytest.mark.parametrize("format", ["avif", "png", "webp", "auto", "avif-or-webp"])
@pytest.mark.parametrize("name", ["glass", "gray glass"])
def test_what_shows_through_still_does(format, name):
    picture = drawn(PICTURES[name], format)
    image = shown(picture).convert("RGBA")

    assert picture.faithful
    assert [image.getpixel((x, 40))[3] for x in (10, 55, 95)] == [255, 128, 0]
    # Of what is not there at all the colour does not matter.
    seen, wanted = (each.crop((0, 0, 60, 75)) for each in (image, ideal(PICTURES[name])))
    assert distance(seen, wanted) < 9


@pytest.mark.parametrize("name", ["gray", "gray glass"])
def test_gray_stays_gray_where_the_format_has_it(name):
    modes = {"png": "L" if name == "gray" else "LA", "jpeg": "L", "avif": "L"}

    assert shown(drawn(PICTURES[name], "png")).mode == modes["png"]
    if name == "gray":
        assert shown(drawn(PICTURES[name], "jpeg")).mode == "L"
        assert shown(drawn(PICTURES[name], "avif")).mode == "L"


def test_jpeg_is_over_white():
    image = Image.new("RGBA", (200, 150), (200, 0, 0, 128))
    image.paste((0, 0, 200, 0), (100, 0, 200, 150))
    seen = shown(drawn(image, "jpeg"))

    assert seen.mode == "RGB"
    assert near(seen.getpixel((20, 40)), (227, 127, 127), 4)
    assert near(seen.getpixel((80, 40)), (255, 255, 255), 4)


def test_pillow_alone_would_show_the_hidden_colour():
    image = Image.new("RGBA", (200, 150), (0, 0, 200, 0)).convert("RGB")

    assert image.getpixel((9, 9)) == (0, 0, 200)


def soft(size=(200, 200)):
    """A disc that fades into nothing."""
    image = Image.new("RGBA", size, "teal")
    image.putalpha(Image.radial_gradient("L").resize(size).point(lambda n: max(0, 255 - 2 * n)))
    return image


@pytest.mark.parametrize("picture", [PICTURES["glass"], soft()], ids=["hard", "soft"])
@pytest.mark.parametrize("moving", [False, True])
def test_in_gif_what_is_half_transparent_is_there_or_not(picture, moving):
    later = [picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)] if moving else []
    options = {"save_all": True, "append_images": later} if moving else {}
    image = shown(drawn(picture, "gif", **options))

    assert image.format == "GIF"
    whole = picture.resize(image.size, Image.Resampling.LANCZOS)
    for frame in range(1 + moving):
        image.seek(frame)
        alpha = image.convert("RGBA").getchannel("A")
        assert set(alpha.tobytes()) == {0, 255}
        wanted = whole.getchannel("A").point(lambda n: 255 * (n > 127))
        assert distance(alpha.convert("RGB"), wanted.convert("RGB")) < 45
        whole = whole.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def test_pillow_alone_loses_all_of_a_soft_transparency():
    image = Image.open(BytesIO(encoded(soft(), "GIF"))).convert("RGBA")

    assert image.getpixel((0, 0)) != (0, 0, 0, 0)
    assert image.getextrema()[3] == (255, 255)


@pytest.mark.parametrize(
    ("name", "format", "kind"),
    [
        ("opaque", "auto", "jpeg"),
        ("gray", "auto", "jpeg"),
        ("glass", "auto", "png"),
        ("gray glass", "auto", "png"),
        ("opaque", "avif-or-webp", "avif"),
        ("glass", "avif-or-webp", "avif"),
    ],
)
def test_where_there_is_a_choice_the_picture_decides(name, format, kind):
    assert drawn(PICTURES[name], format).extension == kind


@pytest.mark.parametrize("format", CHOICES)
@pytest.mark.parametrize("name", PICTURES)
def test_says_whether_the_format_shows_all_of_it(format, name):
    lost = format == "gif" or (format == "jpeg" and "glass" in name)

    assert drawn(PICTURES[name], format).faithful == (not lost)


def test_alpha_that_is_full_everywhere_is_no_transparency():
    image = COLOURS.copy()
    image.putalpha(255)

    assert drawn(image, "auto").extension == "jpeg"
    assert shown(drawn(image, "png")).mode == "RGB"
    assert drawn(image, "jpeg").faithful


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_quality_is_a_setting_of_each_format(format):
    sizes = {}
    for other in ("jpeg", "webp", "avif"):
        for quality in (20, 95):
            recipe = replace(Recipe(), **{f"{other}_quality": quality})
            sizes[other, quality] = len(drawn(PICTURES["opaque"], format, recipe).data)

    assert sizes.pop((format, 20)) * 2 < sizes.pop((format, 95))
    assert len(set(sizes.values())) == 1


def test_lossless_is_lossless():
    image = scenery(90, 60)

    assert shown(drawn(image, "png")).tobytes() == image.tobytes()
    assert drawn(image, "png", Recipe(jpeg_quality=1, webp_quality=1, avif_quality=1)).faithful


WORDS = [b"a maker", b"a place", b"a comment", b"a packet", b"a profile", b"an author", b"Exif"]
STRANGERS = {"exif", "icc_profile", "xmp", "comment", "photoshop", "Comment", "dpi", "Author"}


def talkative(kind, image=COLOURS):
    """A picture with all that may stand beside the pixels."""
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif[ORIENTATION] = 1
    exif.get_ifd(0x8825)[29] = "a place"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a comment")
    text.add_itxt("Author", "an author", zip=False)
    options = {
        "JPEG": {"comment": b"a comment", "dpi": (300, 300)},
        "PNG": {"pnginfo": text, "dpi": (300, 300)},
        "GIF": {"comment": b"a comment"},
    }.get(kind, {})
    if kind != "GIF":
        options |= {"exif": exif, "icc_profile": b"a profile", "xmp": b"<x>a packet</x>"}
    return encoded(image, kind, **options)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("JPEG", "gray"), ("PNG", "glass"), ("GIF", "opaque"), ("WEBP", "glass"), ("AVIF", "opaque"),
     ("TIFF", "gray")],
)  # fmt: skip
@pytest.mark.parametrize("format", FIXED)
def test_nothing_but_pixels_comes_out(kind, name, format):
    data = talkative(kind, PICTURES[name])
    assert any(word in data for word in WORDS)

    # What is not made smaller may take another way.
    for size in (BOX, Size(500, 500)):
        picture = draw_preview(BytesIO(data), Variant(size, format))

        assert [word for word in WORDS if word in picture.data] == []
        assert STRANGERS & set(shown(picture).info) == set()
        assert len(shown(picture).getexif()) == 0


@pytest.mark.parametrize("format", ["gif", "webp"])
@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_nothing_but_pixels_comes_out_of_what_moves(kind, format):
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    options = {"exif": exif, "icc_profile": b"a profile", "xmp": b"a packet"}
    if kind == "GIF":
        options = {"comment": b"a comment"}
    later = [COLOURS.rotate(90), COLOURS.rotate(180)]
    data = encoded(COLOURS, kind, save_all=True, append_images=later, **options)
    assert any(word in data for word in WORDS)

    picture = draw_preview(BytesIO(data), Variant(BOX, format))

    assert picture.animated
    assert [word for word in WORDS if word in picture.data] == []
    assert STRANGERS & set(shown(picture).info) == set()


def test_pillow_alone_writes_what_it_read():
    told = {}
    for kind, word in (("PNG", "icc_profile"), ("GIF", "comment")):
        image = Image.open(BytesIO(talkative(kind)))
        told[word] = Image.open(BytesIO(encoded(image.resize((9, 9)), kind))).info.get(word)

    assert told == {"icc_profile": b"a profile", "comment": b"a comment"}
