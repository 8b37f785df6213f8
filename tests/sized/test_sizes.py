"""Sizes: which there are, and who may have which."""

import random

import pytest

from uploadsvc.errors import BadInput, BadSettings
from uploadsvc.images import Size
from uploadsvc.signing import LENGTH, Signer
from uploadsvc.sized import Address, Sizes
from uploadsvc.sized.permits import NotSigned

IMAGE, OTHER = "A" * 32 + "01", "B" * 32 + "01"
CONTRACT = {
    "mini": "23x40", "thumb": "50x200", "sidebar": "179x600", "small": "240x160",
    "medium": "480x320", "full": "477x800", "vga": "640x480", "svga": "800x600",
    "xvga": "1024x768", "square": "75x75!",
}  # fmt: skip


@pytest.fixture
def signer():
    return Signer(["the key that signs sizes in this test"], purpose="size")


def is_refused(sizes, size, signature="", image=IMAGE):
    try:
        sizes.check(Address(size, image, signature=signature))
    except NotSigned:
        return True
    return False


def test_the_named_sizes_are_those_of_the_contract():
    assert {name: str(size) for name, size in Sizes().named.items()} == CONTRACT


def test_more_named_sizes_can_be_set_and_others_replaced():
    sizes = Sizes(named=["hero=4000x400!", "vga=600x400"])

    assert sizes.read("hero") == Size(4000, 400, crop=True)
    assert sizes.read("vga") == Size(600, 400)
    assert sizes.read("mini") == Size(23, 40)
    assert not is_refused(sizes, "hero")


@pytest.mark.parametrize(
    "entry",
    ["hero", "hero=", "=10x10", "o=10x10", "10x10=10x10", "Hero=10x10", "a/b=10x10", "a=10x0",
     "a=10", "a=10x10!!", "a=99999x1", "-a=1x1", ".=1x1", "a" * 33 + "=1x1"],
)  # fmt: skip
def test_a_named_size_that_cannot_be_is_refused_at_the_start(entry):
    with pytest.raises(BadSettings, match="named_sizes"):
        Sizes(named=[entry])


@pytest.mark.parametrize("size", ["1x1", "2048x2048", "2048x1!", "320x240"])
def test_a_free_size_has_sides_up_to_the_limit(size):
    assert str(Sizes().read(size)) == size


@pytest.mark.parametrize(
    "size",
    ["2049x1", "1x2049", "0x1", "01x1", "1x", "x1", "1X1", "1x1!!", "!1x1", "1x1x1", "vga!",
     "VGA", "unknown", "１x1", "1x1 ", "+1x1", "all"],
)  # fmt: skip
def test_what_is_no_size_or_too_large_is_malformed(size):
    with pytest.raises(BadInput):
        Sizes(open_sizes=["all"]).read(size)


@pytest.mark.parametrize("size", [*CONTRACT, "150x150", "o"])
def test_named_sizes_and_the_default_and_originals_are_open(size):
    assert not is_refused(Sizes(), size)


@pytest.mark.parametrize("size", ["320x240", "150x150!", "75x75!", "1x1"])
def test_any_other_size_needs_a_signature(signer, size):
    assert is_refused(Sizes(), size)
    assert is_refused(Sizes(signer=signer), size)


def test_what_is_listed_is_open_and_nothing_else_is():
    sizes = Sizes(open_sizes=["320x240", "90x90!"])

    assert not is_refused(sizes, "320x240")
    assert not is_refused(sizes, "90x90!")
    assert is_refused(sizes, "320x240!")
    assert is_refused(sizes, "90x90")


def test_all_sizes_can_be_open():
    sizes = Sizes(open_sizes=["all"])

    assert not is_refused(sizes, "321x123!")
    assert sizes.is_counted("321x123!")
    assert not sizes.is_counted("vga")
    assert not sizes.is_counted("150x150")


@pytest.mark.parametrize("size", ["320", "o", "5000x1", "every"])
def test_a_listed_size_that_cannot_be_is_refused_at_the_start(size):
    with pytest.raises(BadSettings, match="open_sizes"):
        Sizes(open_sizes=[size])


def test_a_signature_opens_one_size_of_one_picture(signer):
    sizes = Sizes(signer=signer)
    signature = sizes.signature("320x240", IMAGE)

    assert not is_refused(sizes, "320x240", signature)
    assert is_refused(sizes, "320x240!", signature)
    assert is_refused(sizes, "321x240", signature)
    assert is_refused(sizes, "320x240", signature, image=OTHER)


def test_a_wrong_signature_is_refused_where_none_is_needed(signer):
    for size in ("vga", "150x150", "o"):
        assert is_refused(Sizes(signer=signer), size, "A" * LENGTH)
        assert is_refused(Sizes(), size, "A" * LENGTH)


def test_open_sizes_are_not_signed_and_others_cannot_be_without_a_key(signer):
    assert Sizes(signer=signer).signature("vga", IMAGE) == ""
    assert len(Sizes(signer=signer).signature("320x240", IMAGE)) == LENGTH
    with pytest.raises(NotSigned):
        Sizes().signature("320x240", IMAGE)


def test_none_of_many_altered_addresses_is_let_through(signer, many, figure):
    """Size, ID and signature altered at random: a check that forgets one would let some pass."""
    count, chance = many(2_000, 10_000), random.Random(7)
    sizes = Sizes(signer=signer)
    passed = passed_naive = 0
    for _ in range(count):
        size, image = f"{chance.randint(1, 2048)}x{chance.randint(1, 2048)}", IMAGE
        signature = sizes.signature(size, image)
        match chance.randrange(3):
            case 0:
                size = f"{chance.randint(1, 2048)}x{chance.randint(1, 2048)}!"
            case 1:
                image = "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=32)) + "01"
            case 2:
                at = chance.randrange(LENGTH)
                other = chance.choice([each for each in "AZaz09-_" if each != signature[at]])
                signature = signature[:at] + other + signature[at + 1 :]
        passed += not is_refused(sizes, size, signature, image)
        passed_naive += signer.is_right(signature, size, IMAGE)  # forgets whose it is
    figure("altered sized URLs let through", f"0 of {count}", passed)

    assert passed == 0
    assert passed_naive > 0
