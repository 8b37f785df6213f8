"""Pictures made up for the page's tests and for the picture of it: hills under a coloured sky."""

import io
import math

from PIL import Image, ImageDraw, ImageFilter

PALETTES = {
    "dawn": ("#fde2c8", "#f08a6b", "#6b4c7d", "#2b2a4c"),
    "noon": ("#bfe3f5", "#4a9fd8", "#4f8a5b", "#1f4d3a"),
    "dusk": ("#f7b267", "#c04b5a", "#4d3763", "#1b1a33"),
    "snow": ("#eef4f8", "#9fb9cf", "#7f96ad", "#3c4f66"),
}


def landscape(palette, size=(1600, 1200), file_format="JPEG"):
    """Return the bytes of a picture that is the same each time it is drawn."""
    bottom, top, far, near = PALETTES[palette]
    width, height = size
    sky = Image.linear_gradient("L").resize(size)
    image = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), sky)
    draw = ImageDraw.Draw(image)
    sun = width * 0.68, height * 0.42, width * 0.07
    draw.circle(sun[:2], sun[2], fill="#fff6e0")
    image = image.filter(ImageFilter.GaussianBlur(width / 400))
    draw = ImageDraw.Draw(image)
    for layer in range(4):
        share = layer / 3
        colour = tuple(
            round(int(far[i : i + 2], 16) * (1 - share) + int(near[i : i + 2], 16) * share)
            for i in (1, 3, 5)
        )
        draw.polygon([(0, height), *_ridge(layer, width, height), (width, height)], fill=colour)
    out = io.BytesIO()
    image.save(out, file_format, quality=88)
    return out.getvalue()


def _ridge(layer, width, height):
    base = height * (0.55 + 0.11 * layer)
    swing = height * (0.10 - 0.012 * layer)
    return [
        (x, base + swing * (math.sin(x / width * 7 + layer * 2.1) + 0.4 * math.sin(x / width * 19)))
        for x in range(0, width + 8, 8)
    ]
