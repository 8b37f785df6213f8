"""Still WebP pictures, drawn by libwebp itself: the same pixels, less work."""

import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat, WebPImagePlugin

from images.making import LIMIT, ORIENTATION, encoded, near, scenery, shown
from images.processes import workers
from servers import peak_memory
from uploadsvc.errors import Undecodable
from uploadsvc.images import Picture, Size, Variant, draw_preview
from uploadsvc.images.decoding import decode
from uploadsvc.images.opening import open_picture

OURS, PILLOWS = "STILL-WEBP", "WEBP"
SIZE = 301, 227


def glass(size=SIZE):
    image = scenery(*size)
    image.putalpha(Image.radial_gradient("L").resize(size))
    return image


def opened(data):
    return open_picture(BytesIO(data), max_pixels=LIMIT)


def by_pillow(data):
    image = WebPImagePlugin.WebPImageFile(BytesIO(data))
    image.load()
    return image


def drawn(data, size=None, **options):
    return draw_preview(BytesIO(data), Variant(size or Size(60, 60), **options))


KINDS = {
    "lossy": lambda: encoded(scenery(*SIZE), "WEBP"),
    "lossless": lambda: encoded(scenery(*SIZE), "WEBP", lossless=True, quality=0, method=0),
    "lossy, with alpha": lambda: encoded(glass(), "WEBP"),
    "lossless, with alpha": lambda: encoded(glass(), "WEBP", lossless=True, exact=True, quality=0),
    "gray": lambda: encoded(scenery(*SIZE).convert("L"), "WEBP"),
    "one pixel": lambda: encoded(scenery(1, 1), "WEBP"),
    "a line": lambda: encoded(scenery(500, 1), "WEBP"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_at_full_size_the_pixels_are_those_that_pillow_sees(kind):
    data = KINDS[kind]()
    image = opened(data)
    image.load()

    assert image.format == OURS
    assert image.convert("RGBA").tobytes() == by_pillow(data).convert("RGBA").tobytes()


def test_what_is_lossless_comes_out_as_it_went_in():
    image = glass()
    ours = opened(encoded(image, "WEBP", lossless=True, exact=True, method=0))

    assert ours.convert("RGBA").tobytes() == image.tobytes()


def far(one, other):
    return max(ImageStat.Stat(ImageChops.difference(one, other)).rms)


@pytest.mark.parametrize("kind", ["lossy", "lossless", "gray"])
def test_what_libwebp_scales_is_close_to_what_pillow_averages(kind):
    data = KINDS[kind]()
    file = BytesIO(data)

    pixels = decode(file, opened(data), (50, 37))

    assert (pixels.width, pixels.height) == (100, 74)
    whole = by_pillow(data).convert("RGB")
    averaged = whole.resize((100, 74), Image.Resampling.BOX)
    assert far(pixels.whole.convert("RGB"), averaged) < 3
    nearest = whole.resize((100, 74), Image.Resampling.NEAREST)
    assert far(nearest, averaged) > 3


def hidden_red(**options):
    """Opaque blue beside transparent red."""
    image = Image.new("RGBA", (480, 320), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (250, 0, 480, 320))
    return encoded(image, "WEBP", exact=True, **options)


@pytest.mark.parametrize("options", [{"quality": 100}, {"lossless": True}], ids=str)
def test_the_colour_of_what_is_transparent_does_not_bleed(options):
    image = shown(drawn(hidden_red(**options), Size(40, 40)))
    seen = [image.getpixel((x, 10)) for x in range(image.width)]

    assert image.mode == "RGBA"
    assert near(seen[0][3:], [0], 2)
    assert near(seen[-1], (0, 0, 255, 255))
    assert all(red < 30 for red, _, _, alpha in seen if alpha > 20)


def test_scaled_by_libwebp_it_would_bleed():
    image = opened(hidden_red(quality=100))
    # As it was taken for opaque: then it is scaled.
    image._mode = "RGBX"
    image.draft(None, (40, 27))
    image._mode = "RGBA"
    image.load()

    seen = [image.getpixel((x, 10)) for x in range(image.width)]
    assert image.width == 40
    assert any(red > 30 for red, _, _, alpha in seen if alpha > 20)


@pytest.mark.parametrize(
    ("size", "drafted"),
    [((100, 80), (100, 80)), (SIZE, SIZE), ((300, 227), SIZE), ((301, 10), SIZE),
     ((800, 600), SIZE), ((1, 1), (1, 1)), (None, SIZE)],
)  # fmt: skip
def test_is_scaled_only_down(size, drafted):
    image = opened(KINDS["lossy"]())
    image.draft(None, size)
    image.load()

    assert image.size == drafted == (image.im.size)


def test_what_moves_is_left_to_pillow():
    later = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    data = encoded(scenery(*SIZE), "WEBP", save_all=True, append_images=later)

    assert opened(data).format == PILLOWS
    assert drawn(data, format="webp").animated


def with_chunk_first(data, name, body):
    """A file with a chunk of our own before its picture, behind the header of all."""
    assert data[12:16] == b"VP8X"
    chunk = name + len(body).to_bytes(4, "little") + body + bytes(len(body) & 1)
    whole = data[:30] + chunk + data[30:]
    return whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"], ids=["bare", "as in JPEG"])
def test_reads_what_stands_beside_the_pixels(prefix):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010F] = "odd"
    body = prefix + exif.tobytes()[6:]
    data = encoded(scenery(*SIZE), "WEBP", exif=body, icc_profile=b"a profile")

    for image in (opened(data), opened(with_chunk_first(data, b"odd ", b"123"))):
        assert image.format == OURS
        assert image.getexif()[ORIENTATION] == 6
        assert image.info["icc_profile"] == b"a profile"
    assert drawn(data).height == 60


def test_no_chunk_can_send_the_reader_astray():
    data = encoded(scenery(*SIZE), "WEBP", icc_profile=b"a profile")
    endless = with_chunk_first(data, b"odd ", b"")
    endless = endless[:34] + b"\xff" * 4 + endless[38:]

    with pytest.raises(Undecodable):
        drawn(endless)


@pytest.mark.parametrize("kind", ["lossy", "lossless", "lossy, with alpha", "lossless, with alpha"])
@pytest.mark.parametrize(
    ("share", "size"), [(1, 20), (10, 500), (50, 20), (90, 500), (99, 20), (99, 500)]
)
def test_one_that_is_cut_short_is_refused(kind, share, size):
    data = KINDS[kind]()

    with pytest.raises(Undecodable):
        drawn(data[: len(data) * share // 100], Size(size, size))


def test_broken_data_is_refused():
    data = KINDS["lossless"]()

    with pytest.raises(Undecodable):
        drawn(data[:40] + b"\xff" * 60 + data[100:])


ALONE = """
import ctypes, sys
class Unreachable:
    def __init__(self, name):
        raise OSError("no such library")
class Stripped:
    def __init__(self, name):
        pass
ctypes.CDLL = {"unreachable": Unreachable, "stripped": Stripped}.get(sys.argv[1], ctypes.CDLL)
from io import BytesIO
from uploadsvc.images import Size, Variant, draw_preview
from uploadsvc.images.opening import open_picture
from uploadsvc.images.preview import probe
data = open(sys.argv[2], "rb").read()
print(open_picture(BytesIO(data), max_pixels=10**7).format)
print(probe(BytesIO(data)))
picture = draw_preview(BytesIO(data), Variant(Size(60, 60), format="png"))
sys.stdout.flush()
sys.stdout.buffer.write(picture.data)
"""


def alone(how, file):
    """What an interpreter of its own opens a WebP as, its facts and the preview of it."""
    done = subprocess.run([sys.executable, "-c", ALONE, how, file], capture_output=True, check=True)
    kind, facts, data = done.stdout.split(b"\n", 2)
    return kind.decode(), facts, Image.open(BytesIO(data)).convert("RGBA")


@pytest.mark.parametrize(
    ("how", "kind"), [("unreachable", "lossless"), ("stripped", "lossy, with alpha")]
)
def test_where_libwebp_cannot_be_reached_the_same_picture_comes(how, kind, tmp_path):
    file = tmp_path / "picture"
    file.write_bytes(KINDS[kind]())

    reached, facts, best = alone("reachable", file)
    assert reached == OURS
    instead, same_facts, image = alone(how, file)
    assert instead == PILLOWS
    assert same_facts == facts
    assert image.size == best.size
    assert far(image, best) < 3


LARGE = (6000, 4000)


def large(kind):
    image = Image.linear_gradient("L").resize(LARGE).convert("RGB")
    if "alpha" in kind:
        image.putalpha(Image.radial_gradient("L").resize(LARGE))
    options = {"lossless": True} if "lossless" in kind else {}
    return encoded(image, "WEBP", quality=0, method=0, **options)


@pytest.mark.live
@pytest.mark.parametrize("kind", ["lossy", "lossless", "lossy, with alpha", "lossless, with alpha"])
def test_one_of_24_megapixels_is_drawn_within_the_memory(make_decoders, tmp_path, kind):
    file = tmp_path / "large"
    file.write_bytes(large(kind))
    decoders = make_decoders()

    assert isinstance(decoders.draw(file, Variant(Size(2048, 2048))), Picture)
    assert max(map(peak_memory, workers())) < 300_000_000
