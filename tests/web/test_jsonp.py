"""JSON for pages of any site: only names are called, and nothing leaves the parentheses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.errors import BadInput
from uploadsvc.web.jsonp import check_callback, told


@pytest.mark.parametrize(
    "name", ["f", "_", "$", "jQuery123_456", "a.b.c", "Ext.data.JsonP.callback1", "x" * 128]
)
def test_a_callback_is_a_name_perhaps_with_dots(name):
    check_callback(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "a.", ".a", "a..b", "1a", "a b", "a;b", "a(", "alert(1)", "a[0]", "a\n", "a\n.b",
        "a-b", "a'b", 'a"b', "<script>", "a/*", "é", "\u2028", "a\u200cb", "x" * 129, "eval",
        "function", "a.constructor", "__proto__.x", "a.prototype.b", "new", "this.x", "a\0",
        "ａ",
    ],
)  # fmt: skip
def test_others_are_refused(name):
    with pytest.raises(BadInput):
        check_callback(name)


@given(st.text())
def test_what_is_told_stays_within_the_parentheses(text):
    facts = {"name": text}
    script = told(facts, callback="f").text

    assert json.loads(script.removeprefix("f(").removesuffix(")")) == facts
    assert not set(script) & set("<>&\u2028\u2029\n\r")
    assert script.isascii()
    assert told(facts, callback=None).json == facts


def test_hostile_text_is_escaped():
    script = told({"a": "</script>\u2028"}, callback="f").text

    assert script == 'f({"a": "\\u003c/script\\u003e\\u2028"})'
