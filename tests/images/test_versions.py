"""What `uploadsvc check` says about the decoders."""

import uploadsvc.images as images


def test_every_format_of_the_service_is_readable_here():
    found = images.versions()

    assert found["formats"] == (
        "JPEG, PNG, GIF, WebP, AVIF, BMP, TIFF, ICO, PSD, JPEG 2000, HEIC, JPEG XL"
    )
    assert set(found) == {
        "pillow", "jpeg", "zlib", "webp", "avif", "openjpeg", "tiff", "littlecms2", "formats",
        "pillow-heif", "pillow-jxl-plugin", "kornia-rs", "simplejpeg",
    }  # fmt: skip
    assert "missing" not in found.values()


def test_what_is_public_is_there():
    assert all(getattr(images, name) for name in images.__all__)
