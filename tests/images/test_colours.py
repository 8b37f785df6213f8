"""A preview is in sRGB, whatever the picture was in."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from images.making import LIMIT, corners, encoded, near, shown
from uploadsvc.images import Recipe, Size, Variant, draw_preview

BOX = Variant(Size(60, 60))


def draw(data):
    return shown(draw_preview(BytesIO(data), BOX, Recipe(max_pixels=LIMIT)))


def profile(*columns, gamma=2.2, space=b"RGB "):
    """An ICC profile (v2, matrix and curve) whose colorants are the columns, in D50 XYZ."""

    def fixed(numbers):
        return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)

    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"wtpt": b"XYZ " + bytes(4) + fixed((0.9642, 1.0, 0.8249)),
    }
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        for name, column in zip(b"rgb", columns, strict=True):
            tags[bytes([name]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(column)
            tags[bytes([name]) + b"TRC"] = curve
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value
    head = struct.pack(
        ">I4sI4s4s4s12s4s4x16x4x12s",
        start + len(body), b"test", 0x02400000, b"mntr", space, b"XYZ ",
        bytes(12), b"acsp", fixed((0.9642, 1.0, 0.8249)),
    )  # fmt: skip
    return head.ljust(128, b"\0") + table + body


SRGB = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
SWAPPED = profile(SRGB[2], SRGB[1], SRGB[0])
WIDE = profile((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_profile_decides_what_the_numbers_mean(kind):
    image = draw(encoded(Image.new("RGB", (120, 80), "red"), kind, icc_profile=SWAPPED))

    assert near(image.getpixel((30, 20)), (0, 0, 255), 25)


def test_without_the_profile_the_swap_would_show():
    image = draw(encoded(Image.new("RGB", (120, 80), "red"), "PNG"))

    assert near(image.getpixel((30, 20)), (255, 0, 0))


def test_wide_colours_become_what_srgb_calls_them():
    image = draw(encoded(Image.new("RGB", (120, 80), (180, 100, 100)), "PNG", icc_profile=WIDE))

    assert near(image.getpixel((30, 20)), (195, 97, 98), 4)


def test_transparent_pictures_are_converted_too():
    red = Image.new("RGBA", (120, 80), (255, 0, 0, 128))

    red, green, blue, alpha = draw(encoded(red, "PNG", icc_profile=SWAPPED)).getpixel((9, 9))

    assert near((red, green, blue, alpha), (0, 0, 255, 128), 25)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_has_profiles_as_well(mode):
    linear = profile(gamma=1.0, space=b"GRAY")
    image = Image.new("L", (120, 80), 55)
    if mode == "LA":
        image.putalpha(200)

    level = draw(encoded(image, "PNG", icc_profile=linear)).getpixel((9, 9))

    assert near([level if mode == "L" else level[0]], [127], 3)


def test_an_srgb_profile_changes_nothing():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = encoded(corners(), "PNG")

    told = draw(encoded(corners(), "PNG", icc_profile=srgb))

    assert near(told.getpixel((9, 9)), draw(plain).getpixel((9, 9)), 2)


@pytest.mark.parametrize(
    "broken",
    [b"", b"no profile", SWAPPED[:200], SWAPPED[:-30], profile(gamma=1, space=b"GRAY"), bytes(300)],
)
def test_a_broken_profile_or_one_for_other_samples_is_ignored(broken):
    image = draw(encoded(Image.new("RGB", (120, 80), "red"), "PNG", icc_profile=broken))

    assert near(image.getpixel((30, 20)), (255, 0, 0))


def test_the_profile_does_not_come_out():
    assert "icc_profile" not in draw(encoded(corners(), "JPEG", icc_profile=WIDE)).info


def converted(image, *, intent, flags):
    """Inks as sRGB, at full size."""
    return ImageCms.profileToProfile(
        image, BytesIO(image.info["icc_profile"]), ImageCms.createProfile("sRGB"),
        renderingIntent=intent, outputMode="RGB", flags=flags,
    )  # fmt: skip


@pytest.mark.parametrize("linear", [False, True])
def test_inks_are_shown_as_their_profile_says_and_black_as_black(corpus, linear):
    """Relative colorimetric with black point compensation; without, black paper turns gray."""
    file = corpus("pictures") / "cmyk_swop_flyer.jpg"
    with file.open("rb") as opened:
        variant = Variant(Size(320, 240), "png")
        seen = shown(draw_preview(opened, variant, Recipe(linear=linear)))

    def far(image):
        ideal = image.resize(seen.size, Image.Resampling.LANCZOS)
        return max(ImageStat.Stat(ImageChops.difference(seen, ideal)).mean)

    with Image.open(file) as image:
        relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
        bpc = ImageCms.Flags.BLACKPOINTCOMPENSATION
        assert seen.mode == "RGB"
        assert far(converted(image, intent=relative, flags=bpc)) < (7 if linear else 2)
        assert far(converted(image, intent=relative, flags=0)) > (8 if linear else 6)
        assert far(image.convert("RGB")) > (10 if linear else 8)


def test_inks_without_a_profile_lie_upright_and_bright(corpus):
    """Many programs store them the other way round, and say so."""
    file = corpus("pictures") / "cmyk_noicc_orient6.jpg"
    with file.open("rb") as opened:
        seen = draw_preview(opened, Variant(Size(320, 240), "png"))

    with Image.open(file) as image:
        ideal = image.convert("RGB").transpose(Image.Transpose.ROTATE_270).resize((160, 240))
    difference = ImageChops.difference(shown(seen).resize((160, 240)), ideal)
    assert seen.full == (533, 800)
    assert max(ImageStat.Stat(difference).mean) < 4


def test_a_profile_for_rgb_in_a_picture_of_inks_is_ignored():
    data = encoded(Image.new("CMYK", (120, 80), (0, 255, 255, 0)), "JPEG", icc_profile=SWAPPED)

    assert near(draw(data).getpixel((30, 20)), (255, 0, 0), 12)
