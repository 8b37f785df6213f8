"""Which decoders there are, and how old they are."""


def versions() -> dict[str, str]:
    """Return the version of each decoder, and the formats that can be read, by name."""
    from PIL import features

    from uploadsvc.images.opening import FORMATS

    found = {"pillow": str(features.version("pil"))}
    for name, feature in _FEATURES.items():
        version = features.version(feature) if features.check(feature) else None
        found[name] = str(version or "missing")
    unreadable = {_NEEDS[name] for name in _NEEDS if found[name] == "missing"}
    found["formats"] = " ".join(name for name in FORMATS if name not in unreadable)
    return found


_FEATURES = {
    "jpeg": "jpg",
    "zlib": "zlib",
    "webp": "webp",
    "avif": "avif",
    "tiff": "libtiff",
    "littlecms2": "littlecms2",
}
_NEEDS = {"jpeg": "JPEG", "zlib": "PNG", "webp": "WEBP", "avif": "AVIF"}
