"""Icons, PSD, JPEG 2000 and TIFF: formats that no browser shows, as previews that each does."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from images.making import corners, encoded, near, psd, scenery, shown
from uploadsvc.errors import Undecodable
from uploadsvc.images import Size, Variant, draw_preview
from uploadsvc.images.decoding import decode
from uploadsvc.images.opening import open_picture
from uploadsvc.images.preview import probe

BOX = Variant(Size(100, 100), "png")
COLOURS = scenery(200, 150)


def glass(image=COLOURS):
    image = image.copy()
    image.putalpha(Image.radial_gradient("L").resize(image.size))
    return image


def drawn(data, variant=BOX):
    return draw_preview(BytesIO(data), variant)


def distance(image, ideal):
    seen, wanted = image.convert("RGBA"), ideal.convert("RGBA").resize(image.size, Image.LANCZOS)
    return max(ImageStat.Stat(ImageChops.difference(seen, wanted)).rms)


def kind_of(data):
    facts = probe(BytesIO(data))
    return facts.media_type, facts.width, facts.height


def deep_gray():
    ramp = Image.linear_gradient("L").convert("I")
    return ramp.point(lambda sample: sample * 257).convert("I;16")


FILES = {
    "icon": (lambda: encoded(glass(), "ICO", sizes=[(200, 150)]), glass(), "image/x-icon"),
    "icon of bitmaps": (
        lambda: encoded(glass(), "ICO", sizes=[(200, 150)], bitmap_format="bmp"),
        glass(),
        "image/x-icon",
    ),
    "PSD": (lambda: psd(COLOURS), COLOURS, "image/vnd.adobe.photoshop"),
    "PSD with alpha": (lambda: psd(glass()), glass(), "image/vnd.adobe.photoshop"),
    "gray PSD": (
        lambda: psd(COLOURS.convert("L")), COLOURS.convert("L"), "image/vnd.adobe.photoshop",
    ),
    "CMYK PSD": (lambda: psd(COLOURS.convert("CMYK")), COLOURS, "image/vnd.adobe.photoshop"),
    "JPEG 2000": (lambda: encoded(COLOURS, "JPEG2000"), COLOURS, "image/jp2"),
    "bare JPEG 2000": (lambda: encoded(COLOURS, "JPEG2000", no_jp2=True), COLOURS, "image/jp2"),
    "JPEG 2000 with alpha": (lambda: encoded(glass(), "JPEG2000"), glass(), "image/jp2"),
    "gray JPEG 2000": (
        lambda: encoded(COLOURS.convert("L"), "JPEG2000"), COLOURS.convert("L"), "image/jp2",
    ),
    "deep JPEG 2000": (
        lambda: encoded(deep_gray(), "JPEG2000"), Image.linear_gradient("L"), "image/jp2",
    ),
    "TIFF in LAB": (lambda: encoded(lab(), "TIFF"), COLOURS, "image/tiff"),
    "TIFF in CMYK": (lambda: encoded(COLOURS.convert("CMYK"), "TIFF"), COLOURS, "image/tiff"),
    "TIFF of JPEG": (lambda: encoded(COLOURS, "TIFF", compression="jpeg"), COLOURS, "image/tiff"),
    "TIFF with alpha": (
        lambda: encoded(glass(), "TIFF", compression="tiff_lzw"), glass(), "image/tiff",
    ),
    "BMP": (lambda: encoded(COLOURS, "BMP"), COLOURS, "image/bmp"),
}  # fmt: skip


def lab():
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(COLOURS, *profiles, outputMode="LAB")


@pytest.mark.parametrize("name", FILES)
def test_is_shown_as_it_is(name):
    make, ideal, media_type = FILES[name]
    data = make()
    picture = drawn(data)

    assert kind_of(data) == (media_type, *ideal.size)
    assert picture.full == ideal.size
    assert shown(picture).has_transparency_data == ("A" in ideal.mode)
    assert distance(shown(picture), ideal) < 3


@pytest.mark.parametrize("name", [name for name in FILES if "bitmaps" not in name])
@pytest.mark.parametrize("share", [10, 50, 90])
def test_one_that_is_cut_short_is_refused(name, share):
    data = FILES[name][0]()

    with pytest.raises(Undecodable):
        drawn(data[: len(data) * share // 100])


def test_of_an_icon_the_largest_picture_is_shown():
    data = encoded(corners(128, 96), "ICO", sizes=[(16, 16), (128, 96), (32, 32)])

    assert kind_of(data) == ("image/x-icon", 128, 96)
    assert shown(drawn(data, Variant(Size(500, 500), "png"))).size == (128, 96)


def test_of_several_pages_the_first_is_shown():
    later = [Image.new("RGB", (10, 10), "black"), Image.new("RGB", (300, 300), "black")]
    data = encoded(corners(), "TIFF", save_all=True, append_images=later)

    assert kind_of(data) == ("image/tiff", 120, 80)
    assert not probe(BytesIO(data)).animated
    assert near(shown(drawn(data)).getpixel((20, 20)), (255, 0, 0), 3)


def test_of_a_psd_the_merged_picture_is_shown_and_no_layer(corpus):
    file = corpus("pictures") / "layers_adobergb.psd"
    data = file.read_bytes()

    assert kind_of(data) == ("image/vnd.adobe.photoshop", 600, 600)
    assert not drawn(data, Variant(Size(90, 90))).animated


def test_psd_can_be_packed():
    """Runs of equal bytes, as most programs write it."""
    width, height = 200, 150
    row = bytes([1 - 128 & 255, 77, 1 - 72 & 255, 77])
    counts = struct.pack(">H", len(row)) * height * 3
    data = psd(Image.new("RGB", (width, height)))[:38] + b"\0\1" + counts + row * height * 3

    assert near(shown(drawn(data)).getpixel((9, 9)), (77, 77, 77), 0)


def waves(size):
    """Slow waves across and down: no detail is lost at an eighth, and every shift is seen."""
    ramp = Image.radial_gradient("L").resize(size, Image.Resampling.BICUBIC)
    return Image.merge("RGB", [ramp, ramp.transpose(Image.Transpose.ROTATE_180), ramp])


def half_of_it(data, wanted):
    file = BytesIO(data)
    return decode(file, open_picture(file, max_pixels=10**8), wanted)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((801, 603), {}),
        ((800, 601), {"irreversible": True}),
        ((801, 603), {"tile_size": (256, 256)}),
    ],
    ids=str,
)
def test_jpeg_2000_decoded_at_a_fraction_lies_where_it_lay(size, options):
    image = waves(size)
    data = encoded(image, "JPEG2000", **options)
    box = Size(64, 48)
    fitted = box.fit(*size)

    pixels = half_of_it(data, fitted)
    naive = pixels.whole.resize(fitted, Image.Resampling.LANCZOS)
    seen = shown(drawn(data, Variant(box, "png")))

    assert pixels.width < size[0] / 6
    assert seen.size == fitted
    assert distance(seen, image) < 1.2
    assert distance(seen, image) < 0.75 * distance(naive, image)


@pytest.mark.parametrize("resolutions", [1, 2, 3])
def test_jpeg_2000_with_few_sizes_inside_is_decoded_whole(resolutions):
    data = encoded(COLOURS.resize((401, 303)), "JPEG2000", num_resolutions=resolutions)

    assert distance(shown(drawn(data, Variant(Size(60, 60), "png"))), COLOURS) < 4


def test_jpeg_2000_is_shrunk_further_where_its_fraction_is_not_enough():
    """Only one side is halved as often as it could be."""
    image = waves((1600, 100))
    picture = drawn(encoded(image, "JPEG2000"), Variant(Size(40, 90), "png"))

    assert shown(picture).size == (40, 2)
    assert distance(shown(picture), image) < 25
