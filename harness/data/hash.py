"""The hash that ties plans, data and records together."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import DataError


def sha256_of(content: bytes) -> str:
    """SHA-256 of bytes, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        DataError: when it cannot be read.
    """
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
