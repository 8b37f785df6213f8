"""
`python -m benchmarks.plate FILE`: pictures before and after, on one plate.

Each row is a picture that goes wrong where it is only made smaller: on the left what plain
Pillow makes of it (`thumbnail`, then `save`), on the right what the service does. All of them
are drawn here, so that nobody's pictures are needed.
"""

import struct
import sys
from collections.abc import Sequence
from io import BytesIO
from math import sin
from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageFont

from uploadsvc.images import Recipe, Size, Variant, draw_preview

_BOX = 240, 180
_LARGE = 1600, 1200
_GAP, _LABEL, _TOP = 18, 300, 40
_GROUND, _INK, _CHECKS = "#f4f4f1", "#222222", ("#ffffff", "#cfcfca")


class Row(NamedTuple):
    label: str
    before: Image.Image
    after: Image.Image


def rows() -> list[Row]:
    """Return what the plate shows, from top to bottom."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = scene().transpose(Image.Transpose.ROTATE_90)
    lines = _encoded(fine_lines(), "PNG")
    return [
        _row("A phone held upright:\nEXIF says how the picture lies", turned, "JPEG", exif=exif),
        _row("Colours wider than a screen's:\nthe profile is applied, then dropped", scene(),
             "JPEG", quality=92, icc_profile=_wide_profile()),
        _row("A screenshot of few colours:\nsmoothed, not picked pixel by pixel",
             writing().quantize(32), "PNG"),
        _row("Transparent edges: what is\ninvisible does not shine through", cut_out(), "PNG"),
        _row("16 bits of gray:\nscaled, not cut off", deep(), "PNG"),
        Row("linear_light, off and on:\nfine light lines keep their light",
            _ours(lines, Recipe()), _ours(lines, Recipe(linear=True))),
    ]  # fmt: skip


def plate(shown: Sequence[Row]) -> Image.Image:
    """Return the rows below each other, with their labels."""
    across, down = _BOX
    size = _LABEL + 2 * (across + _GAP) + _GAP, _TOP + len(shown) * (down + _GAP)
    image = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(image)
    places = _LABEL, _LABEL + across + _GAP
    for place, title in zip(places, ("only made smaller", "uploadsvc"), strict=True):
        draw.text((place, 14), title, fill=_INK, font=ImageFont.load_default(16))
    for number, row in enumerate(shown):
        top = _TOP + number * (down + _GAP)
        draw.text((_GAP, top + 8), row.label, fill=_INK, font=ImageFont.load_default(15))
        for place, picture in zip(places, (row.before, row.after), strict=True):
            ground = _checks(picture.size)
            ground.alpha_composite(picture.convert("RGBA"))
            image.paste(ground.convert("RGB"), (place, top))
    return image


def scene() -> Image.Image:
    """Return a landscape with a sign that says which way is up."""
    width, _ = _LARGE
    fall = Image.linear_gradient("L").resize(_LARGE)
    sky = Image.merge("RGB", [fall.point([c + v // 3 for v in range(256)]) for c in (60, 110, 170)])
    draw = ImageDraw.Draw(sky)
    draw.ellipse((1180, 120, 1400, 340), fill="#ffd23f")
    for depth, colour in enumerate(("#4f9d5c", "#2f8a3e", "#1b6329")):
        hill = [(x, 620 + depth * 130 + 90 * sin(x / 260 + depth * 2)) for x in range(0, width, 8)]
        draw.polygon([*hill, _LARGE, (0, _LARGE[1])], fill=colour)
    draw.rectangle((380, 560, 720, 900), fill="#d5351f")
    draw.polygon([(340, 570), (550, 380), (760, 570)], fill="#6b2b1e")
    draw.rectangle((500, 720, 600, 900), fill="#f0e0c0")
    draw.text((850, 860), "THIS WAY UP", fill="white", font=ImageFont.load_default(100))
    return sky


def writing() -> Image.Image:
    """Return a page of small letters."""
    image = Image.new("RGB", _LARGE, "white")
    draw = ImageDraw.Draw(image)
    for line in range(14):
        text = "Files come in, get a link, and go away again."
        draw.text((60, 40 + line * 80), text, fill="#1b3a6b", font=ImageFont.load_default(62))
    return image


def cut_out() -> Image.Image:
    """Return a star of thin rays on nothing, where nothing is stored as red."""
    image = Image.new("RGBA", _LARGE, (255, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for degrees in range(0, 360, 5):
        draw.pieslice((250, 50, 1350, 1150), degrees, degrees + 2, fill=(20, 40, 120, 255))
    draw.ellipse((600, 400, 1000, 800), fill=(255, 255, 255, 255))
    return image


def deep() -> Image.Image:
    """Return rings of gray in 16 bits."""
    rings = Image.radial_gradient("L").resize(_LARGE).convert("I")
    return rings.point(lambda value: value * 257 + 0).convert("I;16")


def fine_lines() -> Image.Image:
    """Return thin bright lines on black."""
    image = Image.new("L", _LARGE)
    draw = ImageDraw.Draw(image)
    for number in range(0, 1600, 16):
        draw.line((number, 0, 800 + (number - 800) // 3, 1200), fill=255, width=2)
    return image


def _row(label: str, picture: Image.Image, kind: str, **options: object) -> Row:
    data = _encoded(picture, kind, **options)
    return Row(label, _plain(data), _ours(data, Recipe()))


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _plain(data: bytes) -> Image.Image:
    """Return the picture as plain Pillow makes it smaller, its metadata lost on the way."""
    image: Image.Image = Image.open(BytesIO(data))
    kind = str(image.format)
    if image.mode == "I;16":
        image = image.convert("L")  # JPEG, and most of the web, has no more
    if image.mode == "RGBA":
        # Each channel by itself, as many do.
        bands = [band.resize(Size(*_BOX).fit(*image.size)) for band in image.split()]
        return Image.merge("RGBA", bands)
    image.thumbnail(_BOX)
    out = BytesIO()
    image.save(out, kind)
    return Image.open(out)


def _ours(data: bytes, recipe: Recipe) -> Image.Image:
    drawn = draw_preview(BytesIO(data), Variant(Size(*_BOX), format="png"), recipe)
    return Image.open(BytesIO(drawn.data))


def _checks(size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGBA", size, _CHECKS[0])
    draw = ImageDraw.Draw(image)
    for top in range(0, size[1], 12):
        for left in range(top % 24, size[0], 24):
            draw.rectangle((left, top, left + 11, top + 11), fill=_CHECKS[1])
    return image


def _wide_profile() -> bytes:
    """Return the sRGB profile with the primaries of a camera in the place of a screen's."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.6097, 0.3111, 0.0195),
        b"gXYZ": (0.2053, 0.6257, 0.0609),
        b"bXYZ": (0.1492, 0.0632, 0.7446),
    }
    (count,) = struct.unpack_from(">I", profile, 128)
    for entry in range(132, 132 + 12 * count, 12):
        if (name := bytes(profile[entry : entry + 4])) in primaries:
            (at,) = struct.unpack_from(">I", profile, entry + 4)
            numbers = (round(number * 65536) for number in primaries[name])
            struct.pack_into(">3i", profile, at + 8, *numbers)
    return bytes(profile)


if __name__ == "__main__":
    plate(rows()).save(Path(sys.argv[1]), quality=90, method=6)
