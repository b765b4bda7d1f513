"""JSON read strictly: what two readers could take for two things is refused."""

from __future__ import annotations

import errno
import json
import stat
from pathlib import Path
from typing import Any, NoReturn

from harness.plain import plain

MAX_DEPTH = 40
"""Lists and objects inside each other; no file of the harness needs more than ten."""
_TOO_DEEP = f"is nested more than {MAX_DEPTH} deep"


class NotStrictJson(ValueError):
    """Bytes that are not JSON, or JSON that says a thing twice or not at all.

    Attributes:
        line: 1-based line of the mistake, where it is known.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(plain(reason))

    def at(self, file: object) -> str:
        """The complaint as one line that begins with the file and, where known, the line."""
        return f"{file}: {self}" if self.line is None else f"{file}:{self.line}: {self}"


def regular_bytes(path: Path, at_most: int = 200_000_000) -> bytes:
    """The content of a regular file; a pipe or a device would keep the reader for ever.

    Args:
        path: the file.
        at_most: bytes that are read; more is refused.

    Raises:
        OSError: not there, not a regular file, too large, or not readable; ``strerror`` says it.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as stream:
        content = stream.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"larger than {at_most} bytes")
    return content


def parse_json(content: bytes) -> Any:
    """The value of a JSON text in UTF-8, with or without byte-order mark.

    Raises:
        NotStrictJson: for bytes that are not UTF-8 or not JSON, a key given twice in one object
            (the last would silently win), a bare ``NaN`` or ``Infinity`` (no JSON, though many
            programs write it), and nesting or digits beyond what is sane.
    """
    try:
        value = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_bare
        )
    except UnicodeDecodeError as error:
        raise NotStrictJson(f"is not UTF-8 (byte {error.start + 1})") from error
    except json.JSONDecodeError as error:
        raise NotStrictJson(f"is not JSON ({error.msg})", error.lineno) from error
    except RecursionError as error:
        raise NotStrictJson(_TOO_DEEP) from error
    except NotStrictJson:
        raise
    except ValueError as error:  # Python reads no whole number of thousands of digits
        raise NotStrictJson(f"holds a number that cannot be read ({error})") from error
    if _depth(value) > MAX_DEPTH:
        raise NotStrictJson(_TOO_DEEP)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotStrictJson(f"the key `{name}` is given twice in one object")
        found[name] = value
    return found


def _bare(constant: str) -> NoReturn:
    raise NotStrictJson(f'bare {constant} is not JSON (null, "Inf" and "-Inf" are)')


def _depth(value: object) -> int:
    """How deep lists and objects stand inside each other, level by level and not by recursion."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [
            inner for item in level for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return depth
