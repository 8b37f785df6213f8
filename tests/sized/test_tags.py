"""Tags: whatever is in them stays text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markup import NASTY, Parsed
from uploadsvc.errors import BadInput
from uploadsvc.sized.tags import img


@pytest.mark.parametrize("text", NASTY)
def test_markup_in_a_value_is_text(text):
    parsed = Parsed(img({"src": text, "alt": text}))

    assert parsed.tags == [("img", {"src": text, "alt": text})]
    assert parsed.text == ""
    assert Parsed(f'<img src="{NASTY[0]}">').tags != [("img", {"src": NASTY[0]})], "as naive"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")))
def test_any_text_comes_out_as_it_went_in(text):
    assert Parsed(img({"alt": text})).tags == [("img", {"alt": text})]


def test_attributes_are_written_as_html_has_them():
    tag = img({"class_": "wide", "data_id": 5, "loading": "lazy", "hidden": True, "x": None})

    assert tag == '<img class="wide" data-id="5" loading="lazy" hidden>'


@pytest.mark.parametrize("name", ["", "a b", "a=b", 'a"', "a>", "é", "1a", "a\n", "/"])
def test_a_name_that_could_end_the_tag_is_refused(name):
    with pytest.raises(BadInput):
        img({name: "x"})
