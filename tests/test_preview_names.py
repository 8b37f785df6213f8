"""The names of previews: one for each thing that is shown."""

from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.addresses import preview_name
from uploadsvc.images import Size, Variant


@given(st.lists(st.tuples(st.text(), st.integers(1, 99), st.integers(1, 99)), unique=True))
def test_different_things_have_different_names(things):
    names = {preview_name(address, Variant(Size(x, y))) for address, x, y in things}

    assert len(names) == len(things)


def test_an_address_does_not_run_into_a_size(many):
    count = many(10_000, 1_000_000)
    ambiguous = {
        preview_name(f"http://a/?id={number // 100}", Variant(Size(1 + number % 100, 100)))
        for number in range(count)
    }
    naive = {f"http://a/?id={n // 100}{1 + n % 100}100" for n in range(count)}

    assert len(ambiguous) == count
    assert len(naive) < count


def test_a_format_a_crop_and_a_still_have_names_of_their_own():
    box = Size(9, 9)
    variants = [
        Variant(box),
        Variant(box, "webp"),
        Variant(box, "avif-or-webp"),
        Variant(box, still=True),
        Variant(box, "webp", still=True),
        Variant(Size(9, 9, crop=True)),
    ]

    assert len({preview_name("http://a/", each) for each in variants}) == len(variants)
