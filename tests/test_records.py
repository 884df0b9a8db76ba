"""No credentials and no broken text in anything that is kept or shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gazenet.redaction import ESCAPING, as_text, is_secret, printable_name, redact, unescape_name

URLS = {
    "rtsp://user:pw@cam.example/live": "rtsp://***@cam.example/live",
    "rtsp://user@cam.example:554/live": "rtsp://***@cam.example:554/live",
    "rtsp://cam.example/live?token=abc&x=1": "rtsp://cam.example/live?***",
    "RTSPS://user:pw@cam.example/live?token=abc#part": "RTSPS://***@cam.example/live?***",
    "https://example.org/a#access_token=abc": "https://example.org/a#***",
    "http://user:p%40ss%2Fword@host/a": "http://***@host/a",
    "http://user:p@ss@host/a": "http://***@host/a",
    "http://user:pa/ss@host/a": "http://***@host/a",
    "http://user:pa?ss@host/a": "http://***",
    "http://user:pa#ss@host/a?b": "http://***",
    "http://host?token=abc@def": "http://***",
    "http://host/a?token=abc@def": "http://host/a?***",
    "http://user:pa/ss@host/a?b=c@d": "http://***@host/a?***",
    "rtsp://user%3Apw%40cam.example/live": "rtsp://***%40cam.example/live",
    "rtsp:/user:pw@cam.example/live": "rtsp:/***@cam.example/live",
    "rtsp%3A%2F%2Fuser%3Apw%40cam.example%2Flive%3Ftoken%3Dabc": "rtsp%3A%2F%2F***%40cam.example%2Flive%3F***",
    "s3://key:pw@bucket/a.mp4": "s3://***@bucket/a.mp4",
    "http://[::1]:80/a": "http://[::1]:80/a",
    "https://registry.example/@scope/pack": "https://registry.example/@scope/pack",
    "https://example.org/a b.mp4": "https://example.org/a b.mp4",
    "file:///home/me@work/a?.mp4": "file:///home/me@work/a?***",
}


@pytest.mark.parametrize("url", URLS)
def test_urls_lose_user_info_and_query(url: str) -> None:
    assert redact(url) == URLS[url]
    if not url.startswith("file:"):  # a path has one slash after its scheme
        assert redact(Path(url)) == str(Path(URLS[url]))
    assert redact(f"error: {url}: lost; again") == f"error: {URLS[url]}: lost; again"
    assert redact({"inputs": [url, {"at": (url,)}]}) == {"inputs": [URLS[url], {"at": [URLS[url]]}]}


TEXTS = {
    "--set logger.api_key=abc seed=1": "--set logger.api_key=*** seed=1",
    'COMET_API_KEY="a b" gasp_train': "COMET_API_KEY=*** gasp_train",
    "prog --token abc --fast": "prog --token *** --fast",
    "prog --api-key=abc": "prog --api-key=***",
    '{"password": "a b", "user": "me"}': '{"password": ***, "user": "me"}',
    "Authorization: Bearer abcdefghij": "Authorization: Bearer ***",
    "the token: it is missing": "the token: it is missing",
    "a.mp4: 12 frames; results in /a/b@c": "a.mp4: 12 frames; results in /a/b@c",
    "tokens=512 is a number of tokens": "tokens=*** is a number of tokens",
    "C:/videos/a@b.mp4": "C:/videos/a@b.mp4",
    "time 12:30, rate 1/2, 50 % of a@b": "time 12:30, rate 1/2, 50 % of a@b",
}


@pytest.mark.parametrize("text", TEXTS)
def test_texts_lose_what_is_assigned_to_secret_keys(text: str) -> None:
    assert redact(text) == TEXTS[text]


SECRET = ["token", "api_key", "apiKey", "API-KEY", "rtsp_password", "passwd", "client_secret", "Authorization", "pwd"]
OTHER = ["tokenizer", "author", "keypoints", "key", "secretary", "monkey", "passes", "authority"]


@pytest.mark.parametrize("key", SECRET)
def test_values_of_secret_keys_are_hidden(key: str) -> None:
    assert is_secret(key) and redact({key: "abc", "deep": [{key: "abc"}]}) == {key: "***", "deep": [{key: "***"}]}
    assert redact({key: ""}) == {key: ""} and redact({key: None}) == {key: None}


@pytest.mark.parametrize("key", OTHER)
def test_other_keys_keep_their_values(key: str) -> None:
    assert not is_secret(key) and redact({key: "abc"}) == {key: "abc"}


def test_numbers_stay_and_options_in_lists_are_known() -> None:
    data = {"tokens": 512, "a": [1, 2.5, True, None], "command": ["prog", "--token", "abc", "--size", "3"]}
    assert redact(data) == {**data, "command": ["prog", "--token", "***", "--size", "3"]}


NAMES = [b"bad\xff.mp4", b"bad\\xff.mp4", b"bad\\\\xff.mp4", b"bad\\\xff.mp4", b"a\\b.mp4"]
NAMES += [b"\xc3\xa4.mp4", b"\xe4.mp4", b"\xff\xfe\x80", b"\\xe4\\xe4", b"tab\there", b"plain.mp4"]
NAMES += [b"\\\\\xff\\xff\xff"]


def test_names_are_escaped_so_that_none_is_taken_for_another() -> None:
    texts = [as_text(os.fsdecode(name)) for name in NAMES]
    assert texts[0] == r"bad\xff.mp4" and texts[1] == r"bad\\xff.mp4" and texts[4] == r"a\b.mp4"
    assert len(set(texts)) == len(NAMES)
    for name, text in zip(NAMES, texts, strict=True):
        assert os.fsencode(unescape_name(text)) == name
        assert json.loads(json.dumps(text, ensure_ascii=False).encode("utf-8")) == text
    assert as_text("\ud800") == r"\ud800" and redact(Path(os.fsdecode(b"a/\xff"))) == r"a/\xff"


def test_a_file_may_be_called_as_a_setting_is_written() -> None:
    assert redact(Path("token=1.mp4")) == "token=1.mp4" == printable_name(Path("token=1.mp4"))


def test_messages_hold_names_that_are_escaped_already() -> None:
    line = f"{printable_name(os.fsdecode(NAMES[0]))}: not readable"
    assert redact({"reason": line}) == {"reason": r"bad\xff.mp4: not readable"}
    assert redact([os.fsdecode(NAMES[0]), "x"]) == [r"bad\xff.mp4", "x"]
    assert redact({"inputs": [r"bad\xff.mp4"]}, config=True) == {"inputs": [r"bad\\xff.mp4"]}


SHOWN = {"utf-8": r"ä\xff", "latin-1": r"ä\xff", "ascii": r"\u00e4\xff"}


@pytest.mark.parametrize(("encoding", "shown"), SHOWN.items())
def test_any_encoding_can_write_any_text(encoding: str, shown: str) -> None:
    assert ("ä" + os.fsdecode(b"\xff")).encode(encoding, ESCAPING).decode(encoding) == shown
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", ESCAPING)


def test_a_name_on_a_line_is_printable() -> None:
    assert printable_name(os.fsdecode(b"bad\xff.mp4")) == r"bad\xff.mp4"
    assert printable_name("ä\nb\x7f\u200b.mp4") == r"ä\x0ab\x7f\u200b.mp4"
    assert printable_name("rtsp:/me:pw@cam/a") == "rtsp:/***@cam/a"
