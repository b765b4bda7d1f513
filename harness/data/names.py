"""Names of columns in messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_column(name: str, known: Iterable[str]) -> str:
    """What is said of a column that is not there: the one meant, or those there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are {_listed(names)}"
    return f"no column `{name}`; {hint}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
