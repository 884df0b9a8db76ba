"""What is refused, where, and with which remedy."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazenet.config.strict_json import parse
from gazenet.errors import UsageError

BAD = [
    ('{\n  "a": 1,\n}', "line 2 column 9: trailing comma before '}'"),
    ("[1, 2, ]", "line 1 column 6: trailing comma before ']'"),
    ('{"a": 1, "b": {"a": 2},\n "a": 3}', "line 2 column 2: key 'a' stands twice"),
    ('{"a": NaN}', "line 1 column 7: NaN is not a finite number"),
    ('{"a": -Infinity}', "line 1 column 7: -Infinity is not a finite number"),
    ('{"a": 1e999}', "line 1 column 7: 1e999 is not a finite number"),
    ('// note\n{"a": 1}', "line 1 column 1: comments are not part of JSON"),
    ('{"a": 1 /* note */}', "line 1 column 9: comments are not part of JSON"),
    ('{"a": 1, # note\n "b": 2}', "line 1 column 10: comments are not part of JSON"),
    ("{'a': 1}", "line 1 column 2: single quotes"),
    ('{"a": None}', "line 1 column 7: Python words"),
    ('\ufeff{"a": 1}', "byte order mark"),
    ("", "is empty"),
    ('{"a": "x}', "line 1 column 7: not JSON: unterminated string"),
    ("[" * 200_000, "nested too deeply"),
    ("1" * 5000, "5000 digits"),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_refusal_names_place_and_fault(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "f.json")
    message = str(caught.value)
    assert message.startswith("f.json: ")
    assert expected in message
    assert "\n" not in message


def test_words_inside_strings_are_left_alone() -> None:
    data = {"a": 'NaN // { } "x": 1e999, ]', "b": ["a", "a"], "c": {"a": -1.5e-3}}
    assert parse(json.dumps(data), "f") == data


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_every_finite_value_survives(value: object) -> None:
    assert parse(json.dumps(value), "f") == value
    assert parse(json.dumps(value, ensure_ascii=False, indent=1), "f") == value
