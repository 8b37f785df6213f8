"""
Pictures as planes of floating-point numbers: for deep samples, and for averaging light.

The numbers in a picture stand for light on a curve (IEC 61966-2-1). Their average is darker
than that of the light: fine bright lines on dark ground fade. Undoing the curve first keeps
them, and 8 bits are too few for what lies between. Samples of 16 bits take the same way, with
the curve or without, so that nothing is rounded before the end.
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Self

from PIL import Image, ImageMath

from uploadsvc.images.pixels import Pixels
from uploadsvc.images.sizes import Box

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F", "RGB;16")
_TOP = 65535.0
"""What white is in a plane, and full alpha."""


def is_deep(pixels: Pixels) -> bool:
    """Whether samples have more than 8 bits."""
    return pixels.mode in _DEEP


@dataclass(frozen=True)
class LightPlanes:
    planes: tuple[Image.Image, ...]
    """One of gray, or three; weighed by alpha where there is one."""
    alpha: Image.Image | None
    linear: bool

    @classmethod
    def averaged(cls, pixels: Pixels, across: int, down: int, *, linear: bool) -> Self:
        """Return the planes of a picture, each `across` x `down` block one sample."""
        size = -(-pixels.width // across), -(-pixels.height // down)
        white = _white(pixels)
        whole: list[Image.Image] = []
        for top, bottom in pixels.bands(down):
            band = pixels.rows(top, bottom)
            low = pixels.low.rows(top, bottom) if pixels.low else None
            planes = _planes(band, low, white, transparent=pixels.transparent, linear=linear)
            whole = whole or [Image.new("F", size) for _ in planes]
            for into, plane in zip(whole, planes, strict=True):
                into.paste(plane.reduce((across, down)), (0, top // down))
        alpha = whole.pop() if pixels.transparent else None
        return cls(tuple(whole), alpha, linear)

    def resized(self, target: tuple[int, int], box: Box) -> Image.Image:
        """Return the part in `box` at the size `target`: L, LA, RGB or RGBA."""
        resize = partial(_resize, target=target, box=box)
        alpha = resize(self.alpha) if self.alpha else None
        bands = []
        for plane in map(resize, self.planes):
            unweighed = plane if alpha is None else _math(_unweigh, plane, alpha)
            bands.append(_samples(unweighed, linear=self.linear))
        if alpha is not None:
            bands.append(_samples(alpha, linear=False))
        return Image.merge({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(bands)], bands)


def _resize(plane: Image.Image, *, target: tuple[int, int], box: Box) -> Image.Image:
    return plane.resize(target, Image.Resampling.LANCZOS, box=box)


def _planes(
    band: Image.Image,
    low: Image.Image | None,
    white: float,
    *,
    transparent: bool,
    linear: bool,
) -> list[Image.Image]:
    if low is not None:
        lows = low.split()
        deep = [_math(_join, high, part) for high, part in zip(band.split(), lows, strict=True)]
        return [_curved(plane) if linear else plane for plane in deep]
    if band.mode in _DEEP:
        return _deep_gray(band, white, transparent=transparent, linear=linear)
    if band.mode == "RGBX":
        *planes, _ = band.split()
        return [_decoded(plane, linear=linear) for plane in planes]
    gray = band.mode in ("1", "L", "LA", "La")
    if not transparent:
        return [_decoded(p, linear=linear) for p in band.convert("L" if gray else "RGB").split()]
    *planes, alpha = band.convert("LA" if gray else "RGBA").split()
    weight = _decoded(alpha, linear=False)
    weighed = [_math(_weigh, _decoded(plane, linear=linear), weight) for plane in planes]
    return [*weighed, weight]


def _deep_gray(
    band: Image.Image, white: float, *, transparent: bool, linear: bool
) -> list[Image.Image]:
    samples = band.convert("F")
    plane = samples.point(lambda sample: sample * (_TOP / white) + 0.0)
    if linear:
        plane = _curved(plane)
    if not transparent:
        return [plane]
    # One number, whatever else it is, means that nothing is there.
    key = float(band.info["transparency"])
    weight = _math(lambda a: (a["plane"] != key) * _TOP, samples)
    return [_math(_weigh, plane, weight), weight]


def _white(pixels: Pixels) -> float:
    """Return the sample that shows as white."""
    if pixels.mode not in ("I", "F") or pixels.whole is None:
        return _TOP
    # 32-bit samples have no white of their own; those of 16-bit files are common among them.
    highest = float(pixels.whole.getextrema()[1])  # type: ignore[arg-type]
    return next((white for white in (1.0, 255.0, _TOP) if highest <= white), highest)


def _decoded(plane: Image.Image, *, linear: bool) -> Image.Image:
    """Return a plane of bytes as numbers."""
    return plane.point(_curve() if linear else _line(), "F")


def _samples(plane: Image.Image, *, linear: bool) -> Image.Image:
    """Return a plane of numbers as bytes."""
    rounded = plane.point(lambda number: number * 1 + 0.5).convert("I")
    table = _inverse_curve() if linear else _inverse_line()
    # Past `Image.point`, which would round the 65,536 whole numbers of the table each time.
    return rounded._new(rounded.im.point(table, "L"))


def _curved(plane: Image.Image) -> Image.Image:
    return _math(_undo_curve, plane)


def _undo_curve(a: Any) -> Any:
    value = a["plane"] / _TOP
    is_dark = value <= 0.04045
    bright = ((value + 0.055) / 1.055) ** 2.4
    return (is_dark * (value / 12.92) + (1 - is_dark) * bright) * _TOP


def _join(a: Any) -> Any:
    return a["plane"] * 256.0 + a["other"] * 1.0


def _weigh(a: Any) -> Any:
    return a["plane"] * (a["other"] / _TOP)


def _unweigh(a: Any) -> Any:
    return a["plane"] * _TOP / a["other"]


def _math(formula: Any, plane: Image.Image, other: Image.Image | None = None) -> Image.Image:
    operands = {"plane": plane} | ({"other": other} if other is not None else {})
    result: Image.Image = ImageMath.lambda_eval(formula, **operands)
    return result if result.mode == "F" else result.convert("F")


@cache
def _line() -> list[float]:
    return [value * 257.0 for value in range(256)]


@cache
def _inverse_line() -> list[int]:
    return [round(value / 257) for value in range(65536)]


@cache
def _curve() -> list[float]:
    return [_light(value / 255) * _TOP for value in range(256)]


@cache
def _inverse_curve() -> list[int]:
    return [round(_number(value / _TOP) * 255) for value in range(65536)]


def _light(number: float) -> float:
    return number / 12.92 if number <= 0.04045 else float(((number + 0.055) / 1.055) ** 2.4)


def _number(light: float) -> float:
    return light * 12.92 if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)
