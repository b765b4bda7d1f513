"""A JSON file says one thing to every reader, or is refused with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.strict_json import NotStrictJson, parse_json, regular_bytes


def test_plain_json_is_read_with_and_without_a_byte_order_mark() -> None:
    text = '{"a": [1, 0.1, null, "zwölf"]}'.encode()
    assert parse_json(text) == parse_json(b"\xef\xbb\xbf" + text) == {"a": [1, 0.1, None, "zwölf"]}


def test_forty_levels_are_read() -> None:
    assert parse_json(b"[" * 40 + b"1" + b"]" * 40) != []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "f:1: is not JSON (Expecting value)"),
        (b'{"a": 1,\n\n"b" 2}', "f:3: is not JSON (Expecting ':' delimiter)"),
        (b"[1] [2]", "f:1: is not JSON (Extra data)"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', "f: the key `b` is given twice in one object"),
        (b'{"a\\n": 1, "a\\n": 1}', "f: the key `a\\n` is given twice"),
        (b"[NaN]", "f: bare NaN is not JSON"),
        (b"[-Infinity]", "f: bare -Infinity is not JSON"),
        (b'["a\xff"]', "f: is not UTF-8 (byte 4)"),
        (b"[" * 100_000, "f: is nested more than 40 deep"),
        (b'{"a":' * 40 + b"[]" + b"}" * 40, "f: is nested more than 40 deep"),
        (b"[" + b"9" * 5000 + b"]", "f: holds a number that cannot be read"),
    ],
    ids=[
        "empty",
        "cut",
        "second",
        "twice",
        "control",
        "nan",
        "infinity",
        "bytes",
        "unclosed",
        "deep",
        "digits",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(NotStrictJson) as caught:
        parse_json(content)
    assert caught.value.at("f").startswith(complaint)
    assert "\n" not in str(caught.value)


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    pipe, endless = tmp_path / "pipe", tmp_path / "endless"
    os.mkfifo(pipe)
    endless.symlink_to("/dev/zero")
    for path in (pipe, endless, tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            regular_bytes(path)
    (tmp_path / "large").write_bytes(b"12345")
    assert regular_bytes(tmp_path / "large", at_most=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        regular_bytes(tmp_path / "large", at_most=4)
