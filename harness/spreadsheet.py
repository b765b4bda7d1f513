"""CSV cells that a spreadsheet shows instead of running."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
# What a spreadsheet reads as the start of a formula, full-width forms included.
_FORMULA = re.compile(r"[ ]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def defuse(text: str, *, label: bool = False) -> str:
    """A cell that no spreadsheet takes for a formula.

    ``=``, ``+``, ``-`` and ``@`` (and a leading tab or line end) start a formula in common
    spreadsheets, so a name in a plan or a cell of a data file could run a command on the
    reader's machine. An apostrophe in front makes it text.

    Args:
        text: the cell.
        label: whether it is a name rather than a value; a value that is a number stays the
            number it is, a name such as ``+1`` must not become one.
    """
    if not _FORMULA.match(text) or (not label and _NUMBER.match(text)):
        return text
    return f"'{text}"
