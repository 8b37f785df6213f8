"""
uploadsvc: files come in, get a link, are shown as previews, and go away again.

These names are what others may rely on; everything else may change. They are loaded when
they are first used, so that a command which needs little of the service starts quickly.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uploadsvc.app import (
        make_app,
        make_delete,
        make_files,
        make_getpreview,
        make_sendfile,
        make_tus,
        make_upload,
    )
    from uploadsvc.errors import UploadsvcError
    from uploadsvc.parts import make_images
    from uploadsvc.settings import Settings
    from uploadsvc.sized import Images

__version__ = "0.1.0"

__all__ = [
    "Images",
    "Settings",
    "UploadsvcError",
    "make_app",
    "make_delete",
    "make_files",
    "make_getpreview",
    "make_images",
    "make_sendfile",
    "make_tus",
    "make_upload",
]

_HOMES = {
    "Images": "sized",
    "Settings": "settings",
    "UploadsvcError": "errors",
    "make_images": "parts",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'app')}")
    return getattr(module, name)
