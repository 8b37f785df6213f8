"""What `uploadsvc check` says about the decoders."""

import uploadsvc.images as images


def test_every_format_of_the_service_is_readable_here():
    found = images.versions()

    assert found["formats"].split() == ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF"]
    assert set(found) == {
        "pillow", "jpeg", "zlib", "webp", "avif", "tiff", "littlecms2", "formats",
    }  # fmt: skip
    assert "missing" not in found.values()


def test_what_is_public_is_there():
    assert all(getattr(images, name) for name in images.__all__)
