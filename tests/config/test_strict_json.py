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
    ('{"a": 1, "b": {"a": 2},\n "a": 3}', "line 2 column 2: key 'a' appears twice"),
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
    ("[" * 101 + "]" * 101, "line 1 column 101: nested too deeply: more than 100 levels"),
    ('{"a":' * 101 + "1" + "}" * 101, "line 1 column 501: nested too deeply"),
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


class _Counted(str):
    """Text that counts the characters that are copied out of it."""

    copied = 0

    def __getitem__(self, key: object) -> str:
        part = super().__getitem__(key)  # type: ignore[index]
        _Counted.copied += len(part)
        return part


def test_the_work_grows_with_the_text_and_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of the rest of the text for every key made 280,000 keys a matter of minutes."""
    monkeypatch.setattr(_Counted, "copied", 0)
    text = _Counted("{" + ", ".join(f'"key {k}" : {k}' for k in range(2000)) + "}")
    assert len(parse(text, "f.json")) == 2000
    assert _Counted.copied <= 10 * len(text)


def test_many_keys_take_a_moment() -> None:
    text = "{" + ",\n".join(f'"key {k}": [{k}, "value"]' for k in range(280_000)) + ', "key 7": 1}'
    with pytest.raises(UsageError, match=r"line 280000 column 34: key 'key 7' appears twice"):
        parse(text, "f.json")


def test_nesting_within_the_limit_is_read() -> None:
    assert parse("[" * 100 + "]" * 100, "f.json")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_every_finite_value_survives(value: object) -> None:
    assert parse(json.dumps(value), "f") == value
    assert parse(json.dumps(value, ensure_ascii=False, indent=1), "f") == value
