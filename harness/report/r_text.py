"""Text as R reads it."""

from __future__ import annotations


def r_string(text: str) -> str:
    """An R string literal; control characters are escaped, so that it stays on its line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in escaped) + '"'
