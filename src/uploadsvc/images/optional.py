"""
Formats that another package has to read: loaded when a picture of theirs comes first.

A picture whose package is not installed is refused by name, so that whoever runs the
service learns what is missing.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uploadsvc import mediatypes
from uploadsvc.images.refusals import NeedsPackage


@dataclass(frozen=True)
class _Optional:
    name: str
    """What people call the format."""
    format: str
    """What Pillow calls it, once the package is loaded."""
    package: str
    module: str
    extra: str
    register: Callable[[Any], None]


def _heif(module: Any) -> None:
    # Threads are for a machine that decodes one picture at a time; each needs memory too.
    module.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )


def _jxl(module: Any) -> None:
    module.JpegXLImagePlugin.DECODE_THREADS = 0


_OPTIONAL = {
    "image/heic": _Optional("HEIC", "HEIF", "pillow-heif", "pillow_heif", "heif", _heif),
    "image/jxl": _Optional("JPEG XL", "JXL", "pillow-jxl-plugin", "pillow_jxl", "jxl", _jxl),
}


def optional_format(head: bytes) -> str | None:
    """
    Return the Pillow format that a file's first bytes ask for, loaded; None when none of ours.

    Raise `NeedsPackage` when its package is not installed.
    """
    kind = mediatypes.recognise(head)
    wanted = _OPTIONAL.get(kind.media_type) if kind else None
    if wanted is None:
        return None
    try:
        module = importlib.import_module(wanted.module)
    except ImportError as error:
        raise NeedsPackage(
            f"{wanted.name} pictures are not shown here: the package {wanted.package} is"
            f" missing (uploadsvc[{wanted.extra}])"
        ) from error
    wanted.register(module)
    return wanted.format


def installed() -> dict[str, str]:
    """Return the version of each optional package by its name; "missing" where it is not."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in (*(each.package for each in _OPTIONAL.values()), "kornia-rs", "simplejpeg"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found
