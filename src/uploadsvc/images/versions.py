"""Which decoders there are, and how old they are."""

_FEATURES = {
    "jpeg": "jpg",
    "zlib": "zlib",
    "webp": "webp",
    "avif": "avif",
    "openjpeg": "jpg_2000",
    "tiff": "libtiff",
    "littlecms2": "littlecms2",
}

_FORMATS = {
    "JPEG": "jpeg",
    "PNG": "zlib",
    "GIF": "pillow",
    "WebP": "webp",
    "AVIF": "avif",
    "BMP": "pillow",
    "TIFF": "pillow",
    "ICO": "zlib",
    "PSD": "pillow",
    "JPEG 2000": "openjpeg",
    "HEIC": "pillow-heif",
    "JPEG XL": "pillow-jxl-plugin",
}
"""What each format needs."""


def versions() -> dict[str, str]:
    """Return the version of each decoder, and the formats that can be read, by name."""
    from PIL import features

    from uploadsvc.images.optional import installed

    found = {"pillow": str(features.version("pil"))}
    for name, feature in _FEATURES.items():
        version = features.version(feature) if features.check(feature) else None
        found[name] = str(version or "missing")
    found |= installed()
    readable = [name for name, needed in _FORMATS.items() if found[needed] != "missing"]
    found["formats"] = ", ".join(readable)
    return found
