"""Names from strangers, as a terminal, a log or a page may safely show them."""

from __future__ import annotations

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}


def plain(text: str) -> str:
    r"""A label without characters that move the cursor or turn the line: shown as ``\x1b``.

    Names come from plans, suites and data files, which may come from strangers; a terminal would
    obey an escape sequence in one, and a bidirectional override would make it read as another.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _INVISIBLE else c
        for c in text
    )
