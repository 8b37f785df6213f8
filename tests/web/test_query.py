"""Parameters of a request: strict UTF-8, one value each."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webob import Request

from uploadsvc.errors import BadInput
from uploadsvc.web.query import one, parameters


def read(query):
    return parameters(Request.blank("/", {"QUERY_STRING": query}))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("to=j%C3%BCrgen@x.de", "jürgen@x.de"),
        ("to=%E2%82%AC", "€"),
        ("to=\xc3\xbc", "ü"),  # raw bytes, as WSGI hands them on
        ("to=a+b%2Bc", "a b+c"),
        ("to=", ""),
        ("to=a&to=a", "a"),
    ],
)
def test_a_value_is_read_as_it_was_meant(query, value):
    assert one("to", read(query)) == value


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_through(text):
    assert one("to", read(urlencode({"to": text}))) == text


@pytest.mark.parametrize("query", ["to=%ff", "to=\xff", "%ff=1", "to=%C3"])
def test_what_is_not_utf_8_is_refused(query):
    with pytest.raises(BadInput, match="not UTF-8"):
        read(query)


def test_a_hundred_parameters_are_read_and_one_more_is_not():
    assert len(read("&".join(f"a{n}=1" for n in range(100)))) == 100
    with pytest.raises(BadInput, match="too many"):
        read("&".join(f"a{n}=1" for n in range(101)))


def test_two_values_are_one_too_many_wherever_they_stand():
    with pytest.raises(BadInput, match="twice"):
        one("to", read("to=a&to=b"))
    with pytest.raises(BadInput, match="twice"):
        one("to", read("to=a"), read("to=b"))
    assert one("to", read("x=1"), {}) is None
