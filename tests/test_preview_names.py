"""The names of previews: one for each thing that is shown."""

from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.images import Size
from uploadsvc.previews import preview_name


@given(st.lists(st.tuples(st.text(), st.integers(1, 99), st.integers(1, 99)), unique=True))
def test_different_things_have_different_names(things):
    names = {preview_name(address, Size(x, y)) for address, x, y in things}

    assert len(names) == len(things)


def test_an_address_does_not_run_into_a_size(many):
    count = many(10_000, 1_000_000)
    ambiguous = {
        preview_name(f"http://a/?id={number // 100}", Size(1 + number % 100, 100))
        for number in range(count)
    }
    naive = {f"http://a/?id={n // 100}{1 + n % 100}100" for n in range(count)}

    assert len(ambiguous) == count
    assert len(naive) < count
