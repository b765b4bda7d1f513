"""A suite's JSON, read so that a file from a stranger can neither hang nor exhaust the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import SuiteError
from harness.strict_json import NotStrictJson, parse_json, regular_bytes

MAX_BYTES = 20_000_000

_KEYS = {"name", "meta", "expectations"}
_META = {"key", "study"}


def suite_bytes(path: Path) -> bytes:
    """The content of a suite file.

    Raises:
        SuiteError: not there, not a regular file (a pipe would never end), too large, unreadable.
    """
    try:
        return regular_bytes(path, MAX_BYTES)
    except OSError as error:
        raise SuiteError(f"{path}: cannot read the suite: {error.strerror}") from None


def suite_json(path: Path, content: bytes) -> dict[str, Any]:
    """The object a suite file holds, its top level checked.

    Raises:
        SuiteError: not JSON, a key twice, nested too deep, an unknown or malformed part.
    """
    try:
        spec = parse_json(content)
    except NotStrictJson as error:
        raise SuiteError(error.at(path)) from None
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise SuiteError(f"{path}: a suite is an object with name, meta and expectations")
    if unknown := sorted(set(spec) - _KEYS):
        raise SuiteError(f"{path}: unknown key {unknown[0]!r}; allowed: {', '.join(sorted(_KEYS))}")
    meta = spec.get("meta", {})
    if not isinstance(meta, dict) or set(meta) - _META:
        raise SuiteError(f"{path}: meta has only {', '.join(sorted(_META))}")
    key = meta.get("key", [])
    if not isinstance(key, list) or not all(isinstance(name, str) for name in key):
        raise SuiteError(f"{path}: meta.key is a list of column names")
    return spec
