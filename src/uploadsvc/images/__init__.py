"""
Pixels: from a picture that somebody sent to a preview that anybody may see.

`Decoders` is what a server uses: it draws in processes of their own, under limits.
`draw_preview` is the same without them, for trusted pictures. Importing this package loads
neither Pillow nor the pool; a server that never draws never has them.
"""

from typing import TYPE_CHECKING

from uploadsvc.images.picture import EXTENSIONS, MEDIA_TYPES, Facts, Picture
from uploadsvc.images.pool import Decoders
from uploadsvc.images.recipe import Recipe
from uploadsvc.images.refusals import NeedsPackage, TooHeavy, TooManyPixels
from uploadsvc.images.sizes import Size
from uploadsvc.images.variants import Format, Variant
from uploadsvc.images.versions import versions

if TYPE_CHECKING:
    from uploadsvc.images.preview import draw_preview

__all__ = [
    "EXTENSIONS",
    "MEDIA_TYPES",
    "Decoders",
    "Facts",
    "Format",
    "NeedsPackage",
    "Picture",
    "Recipe",
    "Size",
    "TooHeavy",
    "TooManyPixels",
    "Variant",
    "draw_preview",
    "versions",
]


def __getattr__(name: str) -> object:
    if name == "draw_preview":
        from uploadsvc.images.preview import draw_preview

        return draw_preview
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
