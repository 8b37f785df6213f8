"""Packages that are faster than Pillow make the same pictures, and are not missed."""

import subprocess
import sys
from io import BytesIO

import numpy
import pytest
from PIL import Image, ImageChops, ImageStat

from images.making import corners, encoded, scenery
from uploadsvc.errors import Undecodable
from uploadsvc.images import Size, Variant, draw_preview, fast

SIZE = 611, 419
KINDS = {
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:2:0": {"subsampling": "4:2:0"},
    "progressive": {"progressive": True},
    "restart markers": {"restart_marker_blocks": 5},
    "coded as RGB": {"keep_rgb": True, "quality": 60},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fraction", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [SIZE, (640, 480)], ids=str)
def test_jpeg_has_the_pixels_that_pillow_sees(kind, fraction, size):
    data = encoded(scenery(*size), "JPEG", **KINDS[kind])
    image = Image.open(BytesIO(data))
    image.draft(None, (size[0] // fraction, size[1] // fraction))

    samples = fast.decoded_jpeg(data, image.size)

    assert samples.shape == (image.height, image.width, 3)
    assert samples.tobytes() == image.tobytes()


def test_a_jpeg_of_another_size_is_left_to_pillow():
    data = encoded(scenery(*SIZE), "JPEG")

    assert fast.decoded_jpeg(data, SIZE) is not None
    assert fast.decoded_jpeg(data, (SIZE[0] - 7, SIZE[1])) is None


@pytest.mark.parametrize("share", [0, 1, 30, 90, 99])
def test_a_jpeg_that_is_cut_short_is_left_to_pillow_which_refuses_it(share):
    data = encoded(scenery(*SIZE), "JPEG")
    data = data[: len(data) * share // 100]

    assert fast.decoded_jpeg(data, SIZE) is None
    with pytest.raises(Undecodable):
        draw_preview(BytesIO(data), Variant(Size(60, 60)))


def test_a_broken_png_is_refused():
    data = encoded(scenery(*SIZE), "PNG")

    with pytest.raises(Exception, match=r"(?i)png"):
        fast.decoded_png(data[: len(data) // 2], SIZE, "RGB")


def whole(image):
    return 0.0, 0.0, float(image.width), float(image.height)


def test_what_would_be_shrunk_or_enlarged_too_much_is_left_to_pillow():
    picture = scenery(*SIZE)

    for target in ((3, 2), (70, 48), (612, 420)):
        assert fast.resampled(picture, target, whole(picture), softly=False) is None


@pytest.mark.parametrize("softly", [False, True])
@pytest.mark.parametrize("target", [(320, 219), (100, 69), (610, 419), (611, 419)], ids=str)
@pytest.mark.parametrize("picture", [scenery(*SIZE), corners(*SIZE)], ids=["fine", "plain"])
def test_resamples_as_pillow_does(picture, target, softly):
    how = Image.Resampling.BICUBIC if softly else Image.Resampling.LANCZOS
    pillows = picture.resize(target, how)

    for given in (picture, picture.convert("RGBX"), numpy.asarray(picture)):
        ours = fast.resampled(given, target, whole(picture), softly=softly)
        assert (ours.mode, ours.size) == ("RGB", target)
        assert max(ImageStat.Stat(ImageChops.difference(ours, pillows)).rms) <= 1


@pytest.mark.parametrize("level", [0, 1, 77, 254, 255])
def test_what_is_even_stays_as_it_is(level):
    image = Image.new("RGB", SIZE, (level, level, 255 - level))
    small = fast.resampled(image, (99, 68), whole(image), softly=False)

    assert small.getextrema() == ((level, level), (level, level), (255 - level, 255 - level))


def test_what_it_cannot_do_is_left_to_pillow():
    image = scenery(*SIZE)

    assert fast.resampled(image, (99, 99), (1.0, 0.0, 611.0, 419.0), softly=False) is None
    assert fast.resampled(image, (99, 99), (0.0, 0.0, 610.5, 419.0), softly=False) is None
    assert fast.resampled(image, (612, 419), whole(image), softly=False) is None
    for mode in ("L", "RGBA", "LA", "CMYK"):
        other = image.convert(mode)
        assert fast.resampled(other, (99, 99), whole(image), softly=False) is None


def test_a_file_is_read_where_it_lies(tmp_path):
    file = tmp_path / "file"
    for held in (b"some bytes", b""):
        file.write_bytes(held)
        with file.open("rb") as opened, fast.contents(opened) as data:
            assert bytes(data) == held
        with fast.contents(BytesIO(held)) as data:
            assert bytes(data) == held


ALONE = """
import sys
for name in sys.argv[2:]:
    sys.modules[name] = None
from uploadsvc.images import Size, Variant, draw_preview, fast
for size in (Size(150, 150), Size(99, 33, crop=True)):
    with open(sys.argv[1], "rb") as file:
        picture = draw_preview(file, Variant(size, "png"))
    sys.stdout.buffer.write(len(picture.data).to_bytes(4, "big") + picture.data)
assert (fast._loaded() is None) == (len(sys.argv) > 2)
"""


def alone(file, *blocked):
    """The previews that an interpreter of its own draws."""
    command = [sys.executable, "-c", ALONE, file, *blocked]
    out = subprocess.run(command, capture_output=True, check=True).stdout
    pictures = []
    while out:
        length = int.from_bytes(out[:4], "big")
        pictures.append(Image.open(BytesIO(out[4 : 4 + length])).convert("RGBA"))
        out = out[4 + length :]
    return pictures


@pytest.mark.parametrize(
    ("kind", "mode", "missing"),
    [("JPEG", "RGB", "simplejpeg"), ("PNG", "RGBA", "kornia_rs"),
     pytest.param("PNG", "RGB", "numpy", marks=pytest.mark.live)],
)  # fmt: skip
def test_without_one_of_them_the_same_picture_comes(kind, mode, missing, tmp_path):
    file = tmp_path / "picture"
    image = scenery(*SIZE)
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L").resize(SIZE))
    file.write_bytes(encoded(image, kind))

    for ours, pillows in zip(alone(file), alone(file, missing), strict=True):
        assert ours.size == pillows.size
        assert max(ImageStat.Stat(ImageChops.difference(ours, pillows)).rms) <= 1
