"""More pictures made to cost: of the formats that wrap others, and of those that move."""

import struct
import zlib

import pillow_heif
import pillow_jxl  # noqa: F401 - Pillow can write JPEG XL then
from PIL import Image

from images.making import blank_png, corners, encoded, png, psd

pillow_heif.register_heif_opener()


def icon(picture, *, width=0, height=0):
    """An icon that holds one PNG and says that it is so large; 0 is 256."""
    entry = struct.pack("<BBBBHHII", width, height, 0, 0, 1, 32, len(picture), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + picture


def icon_of_many_pictures(number=65_535):
    """All of them are the same PNG."""
    picture = encoded(corners(16, 16), "PNG")
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(picture), 6 + 16 * number)
    return struct.pack("<HHH", 0, 1, number) + entry * number + picture


def psd_flood():
    return psd(Image.new("RGB", (8, 8)))[:14] + struct.pack(">II", 30_000, 30_000) + bytes(40)


def packed_psd(width=7_000, height=7_000):
    """Of runs of zeros, a hundred times smaller than what they make."""
    head = psd(Image.new("RGB", (8, 8)))
    row = bytes([129, 0]) * (width // 128) + bytes([257 - width % 128, 0])
    counts = struct.pack(">H", len(row)) * height * 3
    sizes = struct.pack(">II", height, width)
    return head[:14] + sizes + head[22:38] + b"\0\1" + counts + row * height * 3


def psd_of_many_layers(layers=30_000):
    """Each says that it is as large as the picture, and none has any pixels."""
    layer = struct.pack(">4iH", 0, 0, 8, 8, 3) + struct.pack(">hI", 0, 2) * 3
    layer += b"8BIMnorm" + bytes([255, 0, 0, 0]) + struct.pack(">I", 0)
    body = struct.pack(">h", layers) + layer * layers
    info = struct.pack(">I", len(body)) + body
    plain = psd(corners(8, 8))
    return plain[:34] + struct.pack(">I", len(info)) + info + plain[38:]


def jpeg_2000_flood():
    """A small one whose header says otherwise."""
    data = encoded(corners(), "JPEG2000", no_jp2=True)
    at = data.index(b"\xff\x51") + 6
    return data[:at] + struct.pack(">II", 60_000, 60_000) + data[at + 8 :]


def jpeg_2000_of_many_tiles(side=7_000):
    """49 megapixels, each of them a tile, of which one is there."""
    data = encoded(Image.new("L", (64, 64)), "JPEG2000", no_jp2=True, tile_size=(64, 64))
    at = data.index(b"\xff\x51") + 6
    sizes = struct.pack(">8I", side, side, 0, 0, 1, 1, 0, 0)
    return data[:at] + sizes + data[at + 32 :]


def heic_flood():
    data = encoded(corners(), "HEIF")
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 30_000, 30_000) + data[at + 8 :]


def jpeg_xl_flood():
    """Its header says 8,192 lines, and four columns to three of them."""
    data = encoded(Image.new("RGB", (1200, 900)), "JXL")
    bits = int.from_bytes(data[2:6], "little")
    # Not in eights, 13 bits of height less one, 4:3 (ISO/IEC 18181-1, annex D.2).
    assert (bits & 0b111, bits >> 3 & 0x1FFF, bits >> 16 & 0b111) == (0b010, 899, 3)
    return data[:2] + (bits | 8_191 << 3).to_bytes(4, "little") + data[6:]


def moving(kind, frames, size=(8, 8), **options):
    """Something in each frame is another; the rest is nothing."""
    pictures = []
    for number in range(frames):
        picture = Image.new("RGB", size)
        picture.putpixel((number % size[0], 0), (number % 255 + 1, number // 255, 0))
        pictures.append(picture)
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)


def gif_of_large_frames(frames=200, side=7_000):
    """Each frame says that it is as large as the picture, and holds a pixel."""
    screen = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    one = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    return screen + one * frames + b";"


def apng_of_large_frames(frames=200, side=7_000):
    """The first frame is all of it; each other one is a pixel."""

    def control(number, width, height):
        body = struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 10, 0, 0)
        return b"fcTL", body

    chunks, pixel = [], zlib.compress(bytes(4))
    for number in range(1, 2 * frames - 1, 2):
        chunks.append(control(number, 1, 1))
        chunks.append((b"fdAT", struct.pack(">I", number + 1) + pixel))
    head = [(b"acTL", struct.pack(">II", frames, 0)), control(0, side, side)]
    plain = blank_png(side, side)
    at = plain.index(b"IDAT")
    data = plain[at + 4 : at + 4 + int.from_bytes(plain[at - 4 : at], "big")]
    return png(side, side, before=head, data=data, after=chunks)


def webp_of_large_frames(frames=200, side=7_000):
    """A canvas of that size, and frames of a pixel."""
    still = encoded(Image.new("RGB", (2, 2)), "WEBP", lossless=True)
    canvas = (side - 1).to_bytes(3, "little") * 2
    place = bytes(6) + (1).to_bytes(3, "little") * 2 + (40).to_bytes(3, "little") + b"\0"
    frame = place + still[12:]
    parts = b"VP8X" + struct.pack("<I", 10) + b"\x12\0\0\0" + canvas
    parts += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    parts += (b"ANMF" + struct.pack("<I", len(frame)) + frame) * frames
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts
