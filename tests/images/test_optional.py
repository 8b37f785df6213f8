"""HEIC and JPEG XL: drawn where their packages are, and named where they are not."""

import json
import subprocess
import sys
from io import BytesIO

import pillow_heif
import pillow_jxl  # noqa: F401 - Pillow can write JPEG XL then
import pytest
from PIL import Image, ImageChops, ImageStat

from images.making import ORIENTATION, corners, encoded, near, scenery, shown
from images.test_colours import SWAPPED
from images.test_crop import LYING
from uploadsvc.errors import Undecodable
from uploadsvc.images import NeedsPackage, Size, Variant, draw_preview
from uploadsvc.images.preview import probe
from uploadsvc.web.errors import status_of

pillow_heif.register_heif_opener()

BOX = Variant(Size(100, 100), "png")
SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
UPRIGHT = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def drawn(data, variant=BOX):
    return draw_preview(BytesIO(data), variant)


def glass():
    image = scenery(200, 150)
    image.putalpha(Image.radial_gradient("L").resize(image.size))
    return image


PICTURES = {
    "RGB": scenery(200, 150),
    "RGBA": glass(),
    "L": scenery(200, 150).convert("L"),
    "LA": glass().convert("LA"),
}


@pytest.mark.parametrize("mode", PICTURES)
@pytest.mark.parametrize(("kind", "media_type"), [("HEIF", "image/heic"), ("JXL", "image/jxl")])
def test_is_drawn_like_any_other_picture(kind, media_type, mode):
    image = PICTURES[mode]
    # pillow-heif writes no gray with alpha.
    data = encoded(image.convert("RGBA") if (kind, mode) == ("HEIF", "LA") else image, kind)

    facts, picture = probe(BytesIO(data)), drawn(data)
    assert (facts.media_type, facts.width, facts.height, facts.animated) == (
        media_type, 200, 150, False,
    )  # fmt: skip
    assert picture.full == (200, 150)
    assert shown(picture).has_transparency_data == ("A" in mode)
    ideal = image.convert("RGBA").resize((100, 75), Image.Resampling.LANCZOS)
    seen = shown(picture).convert("RGBA")
    assert max(ImageStat.Stat(ImageChops.difference(seen, ideal)).rms) < 8


def rebuilt(file, data):
    """A JPEG inside JPEG XL, to the last bit."""
    file.write_bytes(data)
    out = file.with_suffix(".jxl")
    with Image.open(file) as image:
        image.save(out, lossless_jpeg=True)
    assert b"jbrd" in out.read_bytes()
    return out.read_bytes()


def test_the_profile_of_heic_is_applied_and_nothing_else_comes_out():
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    told = {"icc_profile": SWAPPED, "exif": exif.tobytes(), "quality": 95}
    data = encoded(Image.new("RGB", (120, 80), "red"), "HEIF", **told)
    assert b"a maker" in data

    picture = drawn(data)

    assert near(shown(picture).getpixel((30, 20)), (0, 0, 255), 30)
    assert b"a maker" not in picture.data
    assert set(shown(picture).info) == set()


def test_deep_jpeg_xl_says_that_its_samples_are_light():
    half = Image.new("I;16", (90, 60), 32768)

    assert near([shown(drawn(encoded(half, "JXL", lossless=True))).getpixel((9, 9))], [188], 1)


@pytest.mark.parametrize("kind", ["HEIF", "JXL"])
@pytest.mark.parametrize("share", [1, 30, 60, 95])
def test_one_that_is_cut_short_is_refused(kind, share):
    data = encoded(scenery(200, 150), kind)

    with pytest.raises(Undecodable, match="not a picture that can be shown"):
        drawn(data[: len(data) * share // 100])


def quarters(image):
    places = [(x, y) for y in (1, 3) for x in (1, 3)]
    return [image.getpixel((x * image.width // 4, y * image.height // 4)) for x, y in places]


def is_upright(picture):
    image = shown(picture).convert("RGB")
    return picture.full == (120, 80) and all(map(near, quarters(image), UPRIGHT, [40] * 4))


def lying(orientation):
    turn = LYING[orientation]
    return corners() if turn is None else corners().transpose(turn)


def with_exif(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("orientation", LYING)
def test_heic_is_upright(orientation):
    data = encoded(lying(orientation), "HEIF", exif=with_exif(orientation), quality=95)

    assert is_upright(drawn(data))


_LENGTHS = {"00": 9, "10": 13, "01": 18, "11": 30}


def header_of(bits):
    """How many bits of a bare JPEG XL say how large it is (ISO/IEC 18181-1, annex D.2)."""
    small, at = bits[0] == "1", 1
    at += 5 if small else 2 + _LENGTHS[bits[1:3]]
    if bits[at : at + 3] == "000":
        at += 5 if small else 2 + _LENGTHS[bits[at + 3 : at + 5]]
    return at + 3


def oriented(codestream, orientation):
    """A bare JPEG XL of the usual kind, with a header that says which way up it is (D.3)."""
    bits = "".join(f"{byte:08b}"[::-1] for byte in codestream[2:32])
    at = header_of(bits)
    usual, transform = bits[at : at + 2]
    assert (codestream[:2], usual) == (b"\xff\x0a", "1")
    turned = f"{orientation - 1:03b}"[::-1]
    # Not as usual, with more; 8 bits, nothing beside the colours, which are those of sRGB.
    header = f"{bits[:at]}01{turned}00000010011100{transform}"
    header += "0" * (-len(header) % 8)
    begin = bytes(int(header[n : n + 8][::-1], 2) for n in range(0, len(header), 8))
    return codestream[:2] + begin + codestream[2 - (-(at + 2) // 8) :]


def box(name, body):
    return (8 + len(body)).to_bytes(4, "big") + name + body


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("exif", [None, 6], ids=["bare", "with EXIF"])
def test_jpeg_xl_is_turned_once_by_its_own_header(orientation, exif):
    """EXIF says it a second time, or something else, and does not count."""
    data = oriented(encoded(lying(orientation), "JXL", quality=98), orientation)
    if exif:
        told = box(b"Exif", bytes(4) + with_exif(exif)[6:])
        data = SIGNATURE + box(b"ftyp", b"jxl \0\0\0\0jxl ") + told + box(b"jxlc", data)

    assert is_upright(drawn(data))


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_a_jpeg_inside_jpeg_xl_is_turned_once(tmp_path, orientation):
    options = {"exif": with_exif(orientation), "quality": 95}
    data = rebuilt(tmp_path / "lying.jpg", encoded(lying(orientation), "JPEG", **options))

    assert is_upright(drawn(data))


def test_a_red_bench_of_the_corpus_is_red_and_turned_once(corpus):
    """In its file red, green and blue stand for something else."""
    file = corpus("pictures") / "oriented_icc.jxl"
    picture = drawn(file.read_bytes(), Variant(Size(320, 240), "png"))
    with Image.open(file) as image:
        raw = image.transpose(LYING[5]).resize((290, 240)).getpixel((130, 75))

    red, green, blue = shown(picture).getpixel((130, 75))
    assert picture.full == (606, 500)
    assert red > 180 > 130 > max(green, blue)
    assert raw[0] < max(raw)


def test_the_first_picture_of_several_is_the_one_that_is_meant():
    heif = pillow_heif.from_pillow(Image.new("RGB", (120, 80), "black"))
    heif.add_from_pillow(corners())
    out = BytesIO()
    heif.save(out, quality=95, primary_index=1)

    assert is_upright(drawn(out.getvalue()))


MISSING = [
    ("HEIF", "pillow_heif", "HEIC", "pillow-heif", "uploadsvc[heif]"),
    ("JXL", "pillow_jxl", "JPEG XL", "pillow-jxl-plugin", "uploadsvc[jxl]"),
]
ALONE = """
import json, sys
from io import BytesIO
sys.modules[sys.argv[1]] = None
from uploadsvc.images import NeedsPackage, Size, Variant, draw_preview
told = []
for name in sys.argv[2:]:
    try:
        told.append(draw_preview(open(name, "rb"), Variant(Size(9, 9))).media_type)
    except NeedsPackage as error:
        told.append(str(error))
print(json.dumps(told))
"""


@pytest.mark.parametrize(("kind", "module", "name", "package", "extra"), MISSING)
def test_without_its_package_a_sentence_names_it(tmp_path, kind, module, name, package, extra):
    theirs, other = tmp_path / "photo.jpg", tmp_path / "other"
    theirs.write_bytes(encoded(corners(), kind))
    other.write_bytes(encoded(corners(), "JPEG"))

    command = [sys.executable, "-c", ALONE, module, theirs, other]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    sentence, drawn_all_the_same = json.loads(done.stdout)
    assert (
        sentence
        == f"{name} pictures are not shown here: the package {package} is missing ({extra})"
    )
    assert drawn_all_the_same == "image/jpeg"


def test_that_is_a_415_with_a_code_of_its_own():
    assert status_of(NeedsPackage) == 415
    assert NeedsPackage.code == "needs-package"
    assert issubclass(NeedsPackage, Undecodable)


@pytest.mark.parametrize(("kind", "module", "name", "package", "extra"), MISSING)
def test_it_is_told_through_the_decoders_too(
    make_decoders, monkeypatch, tmp_path, kind, module, name, package, extra
):
    """The package that the decoder's interpreter finds cannot be imported."""
    file = tmp_path / "picture"
    file.write_bytes(encoded(corners(), kind))
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / f"{module}.py").write_text("raise ImportError('broken')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    decoders = make_decoders()

    for ask in (decoders.probe, lambda path: decoders.draw(path, BOX)):
        with pytest.raises(NeedsPackage, match=f"the package {package} is missing"):
            ask(file)
