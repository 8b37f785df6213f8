"""URLs of pictures: what is built is read again, and nothing else is taken for one."""

import os
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from uploadsvc.errors import BadInput, Missing
from uploadsvc.sized.urls import EXTENSIONS, Address, claims, readable

IMAGE = "23EQ53G6WZTGF5675CUJQFKBIS6UWWOL01"

images = st.from_regex(r"[A-Z2-7]{32}[0-9]{2}", fullmatch=True)
sizes = st.sampled_from(["o", "vga", "square", "150x150", "75x75!"])
names = st.text(st.characters(codec="utf-8"), max_size=30).filter(lambda name: "/" not in name)
signatures = st.from_regex(r"([A-Za-z0-9_-]{24})?", fullmatch=True)
extensions = st.sampled_from(["", *EXTENSIONS.values()])


def decoded(path):
    """A path as an endpoint has it."""
    return os.fsdecode(unquote_to_bytes(path))


@given(sizes, images, names, extensions, signatures)
def test_what_is_built_is_read_again(size, image, name, extension, signature):
    assume(extension or "." not in name)
    address = Address(size, image, name, extension, signature)

    assert Address.parse(decoded(address.path)) == address
    assert claims(decoded(address.path))
    assert address.path.isascii()


@given(st.text(max_size=60) | st.from_regex(r"(/[A-Z2-7]{32}01|/vga|/o|/\.\.|/x\.jpeg){1,4}"))
def test_any_other_text_is_refused_or_says_what_it_says(path):
    try:
        address = Address.parse(path)
    except (Missing, BadInput):
        return

    assert Address.parse(decoded(address.path)) == address
    assert claims(path)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (f"/o/{IMAGE}", Address("o", IMAGE)),
        (f"/o/{IMAGE}.jpeg", Address("o", IMAGE, extension="jpeg")),
        (f"/o/{IMAGE}/any-name.jpeg", Address("o", IMAGE, "any-name", "jpeg")),
        (f"/o/{IMAGE}/shop.sign.tiff", Address("o", IMAGE, "shop.sign", "tiff")),
        (f"/200x100/{IMAGE}.jpg", Address("200x100", IMAGE, extension="jpeg")),
        (f"/200x100!/{IMAGE}/a.b.webp", Address("200x100!", IMAGE, "a.b", "webp")),
        (f"/vga/{IMAGE}/name", Address("vga", IMAGE, "name")),
        (f"/SIG/200x100/{IMAGE}.png", Address("200x100", IMAGE, "", "png", "SIG")),
        (f"/SIG/vga/{IMAGE}/name", Address("vga", IMAGE, "name", "", "SIG")),
        (f"/vga/{IMAGE}/{IMAGE}", Address("vga", IMAGE, IMAGE)),
    ],
)
def test_paths_are_read_as_the_contract_has_them(path, address):
    assert Address.parse(path) == address


@pytest.mark.parametrize(
    "path",
    ["", "/", "/o", "/o/", "/vga", "/vga/", "/vga/none", f"/{IMAGE}", f"/vga/{IMAGE}/",
     f"/vga/{IMAGE}/a/b.jpeg", f"/vga/{IMAGE.lower()}", f"/vga/{IMAGE}x", f"/vga/{IMAGE[:-1]}",
     f"/a/b/vga/{IMAGE}", f"/../vga/{IMAGE}", f"/vga/{IMAGE}/../x.jpeg",
     f"/s g/vga/{IMAGE}", f"/vga/{IMAGE}.jpeg/name", f"/vga/{IMAGE}-first.jpeg",
     f"/vga/{IMAGE}~.jpeg"],
)  # fmt: skip
def test_what_leads_to_no_picture_is_missing(path):
    with pytest.raises(Missing):
        Address.parse(path)


@pytest.mark.parametrize(
    "path",
    [f"/vga/{IMAGE}.", f"/vga/{IMAGE}.svg", f"/vga/{IMAGE}.JPEG", f"/vga/{IMAGE}/name.tiff",
     f"/vga/{IMAGE}.jpeg.exe", f"/v a/{IMAGE}", f"/../{IMAGE}", f"/vga/../{IMAGE}", f"//{IMAGE}",
     f"/a\0/{IMAGE}"],
)  # fmt: skip
def test_a_size_or_an_extension_that_none_can_have_is_malformed(path):
    with pytest.raises(BadInput):
        Address.parse(path)


@pytest.mark.parametrize(
    "wrong",
    [{"name": "a/b", "extension": "jpeg"}, {"name": "a.b"}, {"extension": "exe"},
     {"signature": "/"}, {"size": ".."}, {"image": "../x"}],
)  # fmt: skip
def test_an_address_that_no_path_could_say_is_none(wrong):
    with pytest.raises((Missing, BadInput)):
        Address(**{"size": "vga", "image": IMAGE} | wrong)


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/o", True), ("/o/", True), ("/o/x", True), (f"/vga/{IMAGE}", True),
        (f"/s/vga/{IMAGE}.jpeg", True), (f"/vga/{IMAGE}/name", True), (f"/no/{IMAGE}garbage", True),
        ("/", False), ("/other", False), ("/static/page.js", False), ("/vga/none", False),
        (f"/{IMAGE}", False), (f"/a/b/c/{IMAGE}", False), ("/oo/x", False),
    ],
)  # fmt: skip
def test_it_is_told_which_paths_are_ours(path, is_ours):
    assert claims(path) is is_ours


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("A boat at sea", "A-boat-at-sea"),
        ("  50 % off!  <b>now</b> ", "50-off-b-now-b"),
        ("../../etc/passwd", "etc-passwd"),
        ("Schöne Grüße", "Schöne-Grüße"),
        ("写真 1", "写真-1"),
        ("नमस्ते", "नमस्ते"),
        ("v1.2", "v1-2"),
        ("?!", ""),
        ("", ""),
        ("word " * 40, "-".join(["word"] * 16)),
        ("x" * 100, "x" * 80),
    ],
)
def test_a_title_decorates_a_url_in_letters_and_digits(title, name):
    assert readable(title) == name


@given(st.text(max_size=200))
def test_any_title_decorates_a_url(title):
    name = readable(title)

    assert len(name) <= 80
    assert Address("vga", IMAGE, name).path.startswith(f"/vga/{IMAGE}")
