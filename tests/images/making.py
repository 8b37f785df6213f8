"""Pictures, honest and hostile, for the tests of the decoders."""

import struct
import zlib
from functools import cache
from io import BytesIO
from random import Random

from PIL import Image, ImageChops, PngImagePlugin

LIMIT = 50_000_000
ORIENTATION = 0x0112


def encoded(image, kind, **options):
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corners(width=120, height=80):
    """Red, green / blue, white: no two turns of it look the same."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    image.paste("white", (width // 2, height // 2, width, height))
    return image


def scenery(width=400, height=304):
    """Colours that change slowly, with fine grain in them; the same in every run."""
    return _scenery(width, height).copy()


@cache
def _scenery(width, height):
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90)
    around = Image.radial_gradient("L").resize((width, height))
    grain = Image.frombytes("L", (width, height), Random(4).randbytes(width * height))
    across, noise = across.resize((width, height)), Image.new("L", (width, height), 128)
    noise = Image.blend(noise, grain, 0.3)
    return Image.merge("RGB", [Image.blend(band, noise, 0.5) for band in (across, around, noise)])


def shown(picture):
    image = Image.open(BytesIO(picture.data))
    image.load()
    return image


def in_one_piece(pixels):
    """The image that decoded pixels are, put together from their bands."""
    whole = Image.new(pixels.mode, (pixels.width, pixels.height))
    for top, bottom in pixels.bands(1):
        whole.paste(pixels.rows(top, bottom), (0, top))
    return whole


def near(pixel, wanted, tolerance=12):
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, wanted, strict=True))


def png(width, height, *, depth=8, colour=2, before=(), data=b"", after=(), interlace=0):
    """A PNG as told, right or wrong; `before` and `after` the data are whole chunks."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [(b"IHDR", header), *before, (b"IDAT", data), *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def blank_png(width, height, *, colour=2, samples=3):
    """A true PNG of nothing but zeros: a thousand times smaller than its pixels."""
    pack = zlib.compressobj(1)
    row = bytes(width * samples + 1)
    data = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    return png(width, height, colour=colour, data=data)


def deep_png(width, height, sample, *, colour=2, **chunks):
    """A PNG of 16 bits a sample; `sample(x, y)` is the pixel there."""
    rows = [[n for x in range(width) for n in sample(x, y)] for y in range(height)]
    data = b"".join(struct.pack(f">x{len(row)}H", *row) for row in rows)
    return png(width, height, depth=16, colour=colour, data=zlib.compress(data), **chunks)


# Where each of the seven passes begins and how far apart its pixels are (PNG 8.2).
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]  # fmt: skip


def interlaced_png(image):
    """An RGB or RGBA picture that comes in seven passes."""
    size, width = len(image.mode), image.width
    pixels, data = image.tobytes(), b""
    for left, top, across, down in _ADAM7:
        for y in range(top, image.height if left < width else 0, down):
            row = pixels[y * width * size : (y + 1) * width * size]
            picked = range(left * size, len(row), across * size)
            data += b"\0" + b"".join(row[at : at + size] for at in picked)
    colour = {"RGB": 2, "RGBA": 6}[image.mode]
    return png(*image.size, colour=colour, data=zlib.compress(data, 1), interlace=1)


def gif_flood():
    screen = struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\2\x4c\1\0"
    return b"GIF89a" + screen + frame + b";"


def gif_of_many_frames(frames=40_000):
    one = encoded(Image.new("P", (1, 1)), "GIF")
    start = one.index(b",")
    return one[:start] + one[start:-1] * frames + b";"


def apng_of_many_frames(frames=2_000):
    first = Image.new("RGB", (8, 8), "red")
    rest = [Image.new("RGB", (8, 8), (n % 256, n // 256, 0)) for n in range(frames)]
    return encoded(first, "PNG", save_all=True, append_images=rest)


def bmp_flood():
    info = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def _tiff(entries, *, next_ifd=0):
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", next_ifd)


def _tiff_gray(width, height, at):
    return [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, at),
        (278, 4, 1, height),
        (279, 4, 1, width * height % 2**32),
    ]


def tiff_flood():
    return b"II*\0" + struct.pack("<I", 8) + _tiff(_tiff_gray(65_000, 65_000, 8))


def tiff_of_many_pages(pages=10_000):
    """Each page is the same 4 x 4 pixels; the last points to the first again."""
    size = len(_tiff(_tiff_gray(4, 4, 8)))
    after = [24 + size * (n + 1) for n in range(pages - 1)] + [24]
    body = b"".join(_tiff(_tiff_gray(4, 4, 8), next_ifd=at) for at in after)
    return b"II*\0" + struct.pack("<I", 24) + b"\x80" * 16 + body


def psd(image):
    """A PSD that has nothing but its merged picture: L, RGB, RGBA or CMYK."""
    mode = {"L": 1, "RGB": 3, "RGBA": 3, "CMYK": 4}[image.mode]
    bands = image.split()
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, len(bands), *image.size[::-1], 8, mode)
    # Inks are stored the other way round.
    planes = [ImageChops.invert(band) if image.mode == "CMYK" else band for band in bands]
    return head + bytes(12) + b"\0\0" + b"".join(plane.tobytes() for plane in planes)


def webp_flood():
    canvas = struct.pack("<I", 16_000)[:3] * 2
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def avif_flood():
    """A true AVIF whose header then claims to be a hundred times as wide and as high."""
    data = encoded(corners(), "AVIF")
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 12_000, 8_000) + data[at + 8 :]


def jpeg_flood():
    data = encoded(corners(), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", 65_000, 65_000) + data[at + 4 :]


def jpeg_of_many_scans(scans=2_000, *, progressive=True, size=(800, 600)):
    """The last scan of a JPEG, again and again."""
    data = encoded(Image.new("RGB", size, "gray"), "JPEG", progressive=progressive)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def jpeg_of_many_segments(segments=65_000):
    data = encoded(corners(), "JPEG")
    return data[:2] + b"\xff\xe1\0\x02" * segments + data[2:]


def png_with_text_bomb(size=100_000_000):
    pack = zlib.compressobj(1)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(size >> 20)) + pack.flush()
    row = zlib.compress(bytes(4))
    return png(1, 1, before=[(b"zTXt", b"a\0\0" + bomb)], data=row)


def png_with_profile_bomb(size=100_000_000):
    pack = zlib.compressobj(1)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(size >> 20)) + pack.flush()
    row = zlib.compress(bytes(4))
    return png(1, 1, before=[(b"iCCP", b"a\0\0" + bomb)], data=row)


def jpeg_with_exif_loop():
    """An IFD whose EXIF, GPS and next pointers all lead back to itself."""
    pointers = [(0x8769, 4, 1, 8), (0x8825, 4, 1, 8)]
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + _tiff(pointers, next_ifd=8)
    return encoded(corners(), "JPEG", exif=exif)


def png_with_text(text):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text)
    return encoded(corners(), "PNG", pnginfo=info)
