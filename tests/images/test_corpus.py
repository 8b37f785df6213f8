"""Real pictures: upright, in the right colours, transparent where they were."""

import csv
from io import BytesIO

import pillow_heif
import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from images.making import shown
from uploadsvc.errors import Undecodable
from uploadsvc.images import Size, Variant

BOX = Variant(Size(320, 240), still=True)
GPS = 0x8825
pillow_heif.register_heif_opener()
CLOSE = 2.3


@pytest.fixture(scope="module")
def rows(corpus):
    with (corpus("pictures") / "manifest.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def drawable(rows):
    return [row for row in rows if row["expect"] == "thumb"]


def reference(file):
    """The long way: decoded in full, turned, made plain pixels, converted, then resized."""
    with Image.open(file) as image:
        if image.mode.startswith("I"):
            deep = image.convert("F").point(lambda sample: sample * (1 / 257) + 0)
            image = deep.convert("L")
        upright = ImageOps.exif_transpose(image)
        profile = image.info.get("icc_profile")
    alpha = None
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        alpha = upright.getchannel("A")
    if upright.mode not in ("RGB", "L", "CMYK"):
        upright = upright.convert("RGB")
    # Four times the size is enough for the profile, which is slow on a whole photograph.
    size = BOX.size.fit(*upright.size)
    if upright.width > size[0] * 4:
        upright = upright.resize((size[0] * 4, size[1] * 4), Image.Resampling.BOX)
        alpha = alpha and alpha.resize(upright.size, Image.Resampling.BOX)
    if profile:
        upright = ImageCms.profileToProfile(
            upright, BytesIO(profile), ImageCms.createProfile("sRGB"),
            renderingIntent=1, outputMode="RGB", flags=0x2000,
        )  # fmt: skip
    upright = upright.convert("RGB")
    if alpha:
        upright.putalpha(alpha)
    return upright.resize(size, Image.Resampling.LANCZOS)


def over(image, colour):
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, colour), image).convert("RGB")


def difference(one, other):
    """
    How far two pictures are from each other, 0 to 255, seen over black and over white.

    Looked at from afar: what JPEG does to single pixels does not count, a wrong colour does.
    """
    if one.size != other.size:
        return 255.0
    differences = [
        ImageChops.difference(afar(over(one, colour)), afar(over(other, colour)))
        for colour in ("black", "white")
    ]
    return max(max(ImageStat.Stat(image).rms) for image in differences)


def afar(image):
    return image.resize((4, 4), Image.Resampling.BOX)


def test_every_picture_is_shown_as_it_is(decoders, corpus, rows, some):
    """A look at some of them; `tests/live/test_fidelity.py` looks closely, and at all."""
    wrong = {}
    for row in some(drawable(rows), 4):
        file = corpus("pictures") / row["name"]
        picture = decoders.draw(file, BOX)
        ideal = reference(file)
        faults = {
            "difference": round(difference(shown(picture), ideal), 1),
            "alpha": (picture.media_type == "image/png")
            != (ideal.mode == "RGBA" and ideal.getextrema()[3] != (255, 255)),
            "metadata": bool(shown(picture).getexif()) or "icc_profile" in shown(picture).info,
        }
        if faults["difference"] > CLOSE or faults["alpha"] or faults["metadata"]:
            wrong[row["name"]] = faults

    assert len(drawable(rows)) > 40
    assert wrong == {}


@pytest.mark.parametrize(
    "name", ["orient_6.jpg", "photo_10mp_orient6_canon1000d.jpg", "noextension"]
)
def test_the_comparison_sees_what_lies_on_its_side(corpus, name):
    file = corpus("pictures") / name
    with Image.open(file) as lying:
        lying.draft("RGB", (320, 240))
        turned = lying.resize(reference(file).size)

    assert difference(turned, reference(file)) > 4 * CLOSE


@pytest.mark.parametrize(
    "name", ["photo_12mp_ultrahdr_p3_pixel6.jpg", "mpo_apple_gainmap.jpg", "cmyk_swop_flyer.jpg"]
)
def test_the_comparison_sees_colours_that_are_not_converted(corpus, name):
    file = corpus("pictures") / name
    with Image.open(file) as plain:
        plain.thumbnail((320, 240))

    assert difference(plain, reference(file)) > CLOSE


def test_the_eight_orientations_are_one_picture(decoders, corpus):
    folder = corpus("pictures")
    first, *others = [
        shown(decoders.draw(folder / f"orient_{n}.jpg", BOX)) for n in (2, 3, 4, 5, 6, 7, 8)
    ]

    assert first.size == (320, 240)
    assert max(difference(first, other) for other in others) < CLOSE


def test_places_are_known_to_the_pictures_and_not_to_the_previews(decoders, corpus, rows):
    placed = [
        corpus("pictures") / row["name"] for row in drawable(rows) if "HAS GPS" in row["exercises"]
    ]

    assert len(placed) >= 3
    for file in placed:
        with Image.open(file) as image:
            assert GPS in image.getexif()
        assert len(shown(decoders.draw(file, BOX)).getexif()) == 0


def test_what_is_no_whole_picture_is_refused(decoders, corpus, rows):
    refused = [row["name"] for row in rows if row["expect"].startswith(("reject", "never-inline"))]

    assert len(refused) >= 5
    for name in refused:
        with pytest.raises(Undecodable):
            decoders.draw(corpus("pictures") / name, BOX)
