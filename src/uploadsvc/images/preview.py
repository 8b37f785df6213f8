"""
How a preview is drawn: open, decode no more than needed, shrink, sRGB, upright, encode.

Everything here may meet hostile bytes and belongs into a process with limits; see
`uploadsvc.images.pool`.
"""

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageFile

from uploadsvc.errors import Undecodable, UploadsvcError
from uploadsvc.images.animation import Animation
from uploadsvc.images.colours import to_srgb
from uploadsvc.images.decoding import decode
from uploadsvc.images.encoding import Movement, encode, may_move, seconds_to_encode
from uploadsvc.images.opening import media_type_of, open_picture
from uploadsvc.images.orientation import TURNS, orientation_of, upright
from uploadsvc.images.picture import Facts, Picture
from uploadsvc.images.pixels import Pixels
from uploadsvc.images.recipe import STANDARD, Recipe
from uploadsvc.images.refusals import TooHeavy
from uploadsvc.images.shrinking import shrink
from uploadsvc.images.sizes import Box, Size
from uploadsvc.images.variants import Variant

_TINY = Variant(Size(16, 16))


def draw_preview(file: BinaryIO, variant: Variant, recipe: Recipe = STANDARD) -> Picture:
    """
    Return the picture as the variant wants it.

    Raise `Undecodable`, or one of its refinements in `refusals`, for what cannot be shown.
    """
    with _only_our_errors():
        image = open_picture(file, max_pixels=recipe.max_pixels)
        drawing = _Drawing(variant, recipe, orientation_of(image), image.info.get("icc_profile"))
        # Decoding at a fraction makes the picture forget how large it is.
        full = variant.full or upright(image.size, drawing.orientation)
        animation = Animation.of(image)
        if animation is None or variant.still or not may_move(variant.format):
            movement, frames = None, [drawing.still(file, image)]
        else:
            movement, frames = drawing.moving(file, animation)
        data, media_type, faithful = encode(frames, movement, variant.format, recipe)
        return Picture(
            data,
            media_type,
            *frames[0].size,
            full=full,
            animated=movement is not None,
            faithful=faithful and (animation is None or variant.still or movement is not None),
        )


def probe(file: BinaryIO, recipe: Recipe = STANDARD) -> Facts:
    """
    Return what a picture is; raise as `draw_preview` does.

    The picture, or its first frame, is decoded: a header alone says nothing of what is behind it.
    """
    with _only_our_errors():
        image = open_picture(file, max_pixels=recipe.max_pixels)
        facts = _facts(image)
        _Drawing(_TINY, recipe, orientation=1, profile=None).still(file, image)
        return facts


def measure(file: BinaryIO, recipe: Recipe = STANDARD) -> Facts:
    """Return what the header of a picture says that it is; raise as `draw_preview` does."""
    with _only_our_errors():
        return _facts(open_picture(file, max_pixels=recipe.max_pixels))


def _facts(image: ImageFile.ImageFile) -> Facts:
    width, height = upright(image.size, orientation_of(image))
    animated = Animation.of(image) is not None
    return Facts(media_type_of(image), width, height, animated=animated)


@dataclass(frozen=True)
class _Drawing:
    variant: Variant
    recipe: Recipe
    orientation: int
    profile: bytes | None

    def still(self, file: BinaryIO, image: ImageFile.ImageFile) -> Image.Image:
        """Return the picture, or the first frame of it, drawn."""
        full = image.size
        target, part = self._target(full)
        wanted = (
            _whole(target[0], full[0], part[2] - part[0]),
            _whole(target[1], full[1], part[3] - part[1]),
        )
        pixels = decode(file, image, wanted)
        return self._drawn(pixels, full)

    def moving(
        self, file: BinaryIO, animation: Animation
    ) -> tuple[Movement | None, list[Image.Image]]:
        """Return the frames drawn, or only the first one where all are too much."""
        image = animation.image
        began = time.monotonic()
        redrawn = animation.redrawn(
            lambda frame: self._drawn(Pixels.of(frame), image.size), self.recipe
        )
        if redrawn is not None:
            frames, movement = redrawn
            left = self.recipe.animation_seconds - (time.monotonic() - began)
            if seconds_to_encode(frames, movement, self.variant.format, self.recipe) < left:
                return movement, frames
            image.seek(0)
        return None, [self.still(file, image)]

    def _target(self, full: tuple[int, int]) -> tuple[tuple[int, int], Box]:
        """Return the size to draw at, and the part to draw, as the picture lies in the file."""
        size = self.variant.size
        shown = upright(full, self.orientation)
        target = upright(size.fit(*(self.variant.full or shown)), self.orientation)
        left, top, right, bottom = size.part(*shown)
        if self.orientation >= 5:
            # The middle is the middle, from whichever side.
            left, top, right, bottom = top, left, bottom, right
        return target, (left, top, right, bottom)

    def _drawn(self, pixels: Pixels, full: tuple[int, int]) -> Image.Image:
        target, part = self._target(full)
        box = pixels.place(full, part)
        small = shrink(pixels, target, box, profile=self.profile, linear=self.recipe.linear)
        if pixels.mode != "CMYK":  # inks already are
            small = to_srgb(small, self.profile)
        if self.orientation in TURNS:
            small = small.transpose(TURNS[self.orientation])
        return small


def _whole(target: int, full: int, part: float) -> int:
    """Return the size of the whole at which the part has the target's."""
    return min(full, math.ceil(target * full / part))


@contextmanager
def _only_our_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        # Pillow warns of much that it then reads, or refuses with an error.
        warnings.simplefilter("ignore")
        try:
            yield
        except UploadsvcError:
            raise
        except MemoryError as error:
            raise TooHeavy from error
        except Exception as error:
            # On broken files Pillow raises some twenty kinds of errors, plain AssertionError
            # and ZeroDivisionError among them: no list of them would be whole.
            if "memory" in str(error).lower():
                raise TooHeavy from error
            raise Undecodable("the file is not a picture that can be shown") from error
        except BaseException as error:
            # Where memory ends, packages that are written in Rust end with one that is no
            # `Exception`, and that cannot be sent from one process to another.
            if type(error).__name__ != "PanicException":
                raise
            raise TooHeavy from error
