"""The seal over a file that R's answers are kept in: the hash of everything else in it."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def seal(record: dict[str, Any]) -> str:
    """SHA-256 of a record without its own field ``sha256``, keys sorted."""
    plain = json.dumps(
        without(record, "sha256"), sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(plain.encode("ascii")).hexdigest()


def sealed(record: dict[str, Any]) -> bool:
    """Whether a record is as it was written."""
    return record.get("sha256") == seal(record)


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """A record without some of its fields."""
    return {name: value for name, value in record.items() if name not in names}
