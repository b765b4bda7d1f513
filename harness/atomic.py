"""Files that are either the old one or the new one, never half of the new one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from harness.errors import DataError


def write_text(path: str | Path, text: str) -> Path:
    """Write ``text`` as UTF-8 with LF line ends: beside the target, then rename.

    The rename is atomic within a file system, so a reader sees the previous file or the whole
    new one; a killed run leaves at most a hidden ``.name.*.tmp`` beside it.

    Args:
        path: the target; its folder is made if need be.
        text: the whole content.

    Returns:
        The path written.

    Raises:
        DataError: when the folder or the file cannot be written.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target
