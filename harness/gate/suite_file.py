"""A suite's JSON, read so that a file from a stranger can neither hang nor exhaust the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import SuiteError

MAX_BYTES = 20_000_000
MAX_DEPTH = 40
"""Lists and objects inside each other; the suites of the repository need eight."""

_KEYS = {"name", "meta", "expectations"}
_META = {"key", "study"}


def suite_bytes(path: Path) -> bytes:
    """The content of a suite file.

    Raises:
        SuiteError: not there, not a regular file (a pipe would never end), too large, unreadable.
    """
    if path.exists() and not path.is_file():
        raise SuiteError(f"{path}: cannot read the suite: not a regular file")
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SuiteError(f"{path}: cannot read the suite: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise SuiteError(f"{path}: cannot read the suite: larger than {MAX_BYTES} bytes")
    return content


def suite_json(path: Path, content: bytes) -> dict[str, Any]:
    """The object a suite file holds, its top level checked.

    Raises:
        SuiteError: not JSON, a key twice, nested too deep, an unknown or malformed part.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"key {twice!r} stands twice in one object")
        return found

    try:
        spec = json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=_no_nan)
    except json.JSONDecodeError as error:
        raise SuiteError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise SuiteError(f"{path}: not a suite: nested more than {MAX_DEPTH} deep") from None
    except (UnicodeDecodeError, ValueError) as error:
        raise SuiteError(f"{path}: not a suite: {error}") from None
    if _depth(spec) > MAX_DEPTH:
        raise SuiteError(f"{path}: not a suite: nested more than {MAX_DEPTH} deep")
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise SuiteError(f"{path}: a suite is an object with name, meta and expectations")
    if unknown := sorted(set(spec) - _KEYS):
        raise SuiteError(f"{path}: unknown key {unknown[0]!r}; allowed: {', '.join(_KEYS)}")
    meta = spec.get("meta", {})
    if not isinstance(meta, dict) or set(meta) - _META:
        raise SuiteError(f"{path}: meta has only {', '.join(sorted(_META))}")
    key = meta.get("key", [])
    if not isinstance(key, list) or not all(isinstance(name, str) for name in key):
        raise SuiteError(f"{path}: meta.key is a list of column names")
    return spec


def _no_nan(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _depth(value: object) -> int:
    """How deep lists and objects stand inside each other, level by level and not by recursion."""
    depth, level = 0, [value]
    while level:
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        depth, level = depth + 1, inner
    return depth
