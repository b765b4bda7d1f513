"""Cells of text to typed columns; a cell that is not what its column says is never guessed at.

``1,5``, ``0x10``, ``1_000``, ``nan``, ``inf``, ``<0.5`` and `` 5`` are not numbers here.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

MISSING = frozenset({"", "NA"})
"""The cells that say "missing", exactly."""

NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
INTEGER = re.compile(r"-?[0-9]{1,15}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FLAGS = {"true": 1.0, "TRUE": 1.0, "1": 1.0, "false": 0.0, "FALSE": 0.0, "0": 0.0}

Unread = list[int]
"""Positions of the cells that could not be read; they are missing in the column."""

Column = tuple[pd.Series, Unread]


def number(cell: str) -> float | None:
    """The cell as a finite number, or None if it is not one."""
    if NUMBER.fullmatch(cell) is None:
        return None
    value = float(cell)
    return value if math.isfinite(value) else None


def integer(cell: str) -> float | None:
    """The cell as a whole number that a double holds exactly, or None."""
    return float(cell) if INTEGER.fullmatch(cell) else None


def flag(cell: str) -> float | None:
    """1 for ``true``/``TRUE``/``1``, 0 for ``false``/``FALSE``/``0``, or None."""
    return _FLAGS.get(cell)


def floats(cells: Sequence[str], read: Callable[[str], float | None]) -> Column:
    """A float64 column; missing and unread cells are NaN.

    Args:
        cells: as written.
        read: the value of one cell, None where it has none.
    """
    known = {cell: math.nan if cell in MISSING else read(cell) for cell in set(cells)}
    values = np.array([known[cell] for cell in cells], dtype=np.float64)  # None becomes NaN
    unread: Unread = []
    if None in known.values():
        unread = [at for at, cell in enumerate(cells) if known[cell] is None]
    return pd.Series(values), unread


def dates(cells: Sequence[str]) -> Column:
    """A datetime64 column of days written ``YYYY-MM-DD``."""
    values: npt.NDArray[np.datetime64] = np.full(len(cells), "NaT", dtype="datetime64[s]")
    unread: Unread = []
    for position, cell in enumerate(cells):
        if cell in MISSING:
            continue
        try:
            if _DATE.fullmatch(cell) is None:
                raise ValueError(cell)
            values[position] = np.datetime64(dt.date.fromisoformat(cell), "s")
        except ValueError:
            unread.append(position)
    return pd.Series(values), unread


def factor(cells: Sequence[str], levels: Sequence[str] | None) -> Column:
    """A categorical column.

    Args:
        cells: as written.
        levels: in coding order; None takes the values that occur, in code-point order.
    """
    if levels is None:
        levels = sorted(set(cells) - MISSING)
    code = {level: position for position, level in enumerate(levels)}
    codes = np.array([code.get(cell, -1) for cell in cells], dtype=np.int64)
    unread: Unread = []
    if not set(cells) <= code.keys() | MISSING:
        unread = [at for at, cell in enumerate(cells) if cell not in code and cell not in MISSING]
    dtype = pd.CategoricalDtype(pd.Index(list(levels), dtype="str"))
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype)), unread


def words(cells: Sequence[str]) -> Column:
    """A text column."""
    return pd.Series([None if cell in MISSING else cell for cell in cells], dtype="str"), []
