"""The log keeps what is whole and drops the rest."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gazenet.maps.chunk_log import encode_chunk, encode_head, records_of, scan

HEAD = {"format": 1, "height": 3, "width": 4}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
record_lists = st.lists(st.dictionaries(st.text(max_size=8), values, max_size=3), min_size=1, max_size=4)


def _log(chunks: list[list[dict]]) -> list[bytes]:
    lines = [encode_head(HEAD)]
    return lines + [encode_chunk(k, len(records), 1000 + k, records) for k, records in enumerate(chunks)]


@settings(deadline=None)
@given(st.lists(record_lists, max_size=4))
def test_what_is_written_is_read(chunks: list[list[dict]]) -> None:
    raw = b"".join(_log(chunks))
    found = scan(io.BytesIO(raw))
    assert found.head == HEAD and found.invalid == 0 and found.size == len(raw)
    assert [(line.index, line.frames, line.crc) for line in found.lines.values()] == [
        (k, len(records), 1000 + k) for k, records in enumerate(chunks)
    ]
    for k, line in found.lines.items():
        assert records_of(raw[line.offset : line.offset + line.length]) == chunks[k]


@settings(deadline=None)
@given(st.lists(record_lists, min_size=1, max_size=4), st.data())
def test_a_log_cut_anywhere_is_its_longest_whole_prefix(chunks: list[list[dict]], data: st.DataObject) -> None:
    lines = _log(chunks)
    raw = b"".join(lines)
    cut = data.draw(st.integers(0, len(raw) - 1))
    whole, end = 0, 0
    while end + len(lines[whole]) <= cut:
        end += len(lines[whole])
        whole += 1
    found = scan(io.BytesIO(raw[:cut]))
    assert (found.head is None) == (whole == 0)
    assert sorted(found.lines) == list(range(max(0, whole - 1)))
    assert found.invalid == (1 if cut > end else 0)


@settings(deadline=None)
@given(st.lists(record_lists, min_size=1, max_size=4), st.data())
def test_a_changed_byte_spoils_one_line_or_two(chunks: list[list[dict]], data: st.DataObject) -> None:
    lines = _log(chunks)
    raw = bytearray(b"".join(lines))
    place, flip = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
    raw[place] ^= flip
    hit = next(k for k in range(len(lines)) if place < sum(map(len, lines[: k + 1])))
    # A line break turned into something else glues the next line on; a new line break splits one line.
    spoilt = {hit, hit + 1} if place == sum(map(len, lines[: hit + 1])) - 1 else {hit}
    found = scan(io.BytesIO(bytes(raw)))
    assert sorted(found.lines) == [k - 1 for k in range(1, len(lines)) if k not in spoilt]
    assert (found.head is None) == (0 in spoilt)
    assert found.invalid >= 1


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_noise_is_nothing(noise: bytes) -> None:
    found = scan(io.BytesIO(noise))
    assert found.head is None and found.lines == {} and found.size == len(noise)


def test_the_last_line_of_a_chunk_counts() -> None:
    raw = encode_head(HEAD) + encode_chunk(0, 1, 1, [{}]) + encode_chunk(0, 1, 2, [{"x": 1}])
    found = scan(io.BytesIO(raw))
    assert found.lines[0].crc == 2 and records_of(raw[found.lines[0].offset :]) == [{"x": 1}]


@pytest.mark.parametrize(
    "value",
    [
        {"chunk": -1, "frames": 1, "crc": 1, "records": [{}]},
        {"chunk": True, "frames": 1, "crc": 1, "records": [{}]},
        {"chunk": 0, "frames": 2, "crc": 1, "records": [{}]},
        {"chunk": 0, "frames": 1, "crc": 1, "records": [3]},
        {"chunk": 0, "frames": 0, "crc": 1, "records": []},
        {"chunk": 0, "frames": 1.0, "crc": 1, "records": [{}]},
    ],
)
def test_a_line_that_makes_no_sense_is_left_out_whatever_its_checksum(value: dict) -> None:
    found = scan(io.BytesIO(encode_head(HEAD) + encode_head(value)))
    assert found.lines == {} and found.invalid == 1
    with pytest.raises(ValueError, match="damaged"):
        records_of(encode_head(value))


def test_floats_keep_every_digit() -> None:
    number = math.nextafter(0.1, 1)
    raw = encode_chunk(0, 1, 1, [{"x": number, "y": (1, 2)}])
    assert records_of(raw) == [{"x": number, "y": [1, 2]}]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), {1, 2}, object()])
def test_records_that_are_not_json_are_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="chunk 7: records must be JSON"):
        encode_chunk(7, 1, 0, [{"x": bad}])
