"""Media types: by content first, by name second."""

import io

import pytest
from PIL import Image

from uploadsvc import mediatypes


@pytest.mark.parametrize(
    ("kind", "extension"),
    [
        ("JPEG", "jpeg"), ("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("AVIF", "avif"),
        ("TIFF", "tiff"), ("BMP", "bmp"),
    ],
)  # fmt: skip
def test_a_picture_is_known_whatever_it_is_called(kind, extension):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)
    head = file.getvalue()[: mediatypes.HEAD_BYTES]

    assert mediatypes.media_type(head, "page.html") == f"image/{extension}"
    assert mediatypes.image_extension(head) == extension


def test_heic_and_jpeg_xl_of_the_corpus_are_known(corpus):
    for name, extension in (("iphone_12mp.heic", "heic"), ("cafe.jxl", "jxl")):
        head = (corpus("pictures") / name).read_bytes()[: mediatypes.HEAD_BYTES]

        assert mediatypes.image_extension(head) == extension


@pytest.mark.parametrize("head", [b"", b"\xff\xd8", b"BM, said the dog, and went", b"RIFF", b"GIF"])
def test_what_only_begins_like_a_picture_is_none(head):
    assert mediatypes.image_extension(head) is None


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain"),
        ("a.TXT", "text/plain"),
        ("a.html", "text/html"),
        ("a.svg", "image/svg+xml"),
        ("a.pdf", "application/pdf"),
        ("a.jpg", mediatypes.UNKNOWN),
        ("a.mp4", mediatypes.UNKNOWN),
        ("a.txt.gz", mediatypes.UNKNOWN),
        ("a", mediatypes.UNKNOWN),
    ],
)
def test_a_name_makes_no_picture_of_what_is_none(name, media_type):
    assert mediatypes.media_type(b"text", name) == media_type
