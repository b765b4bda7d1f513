"""Seeded corruption: for each rule, the smallest change of good data that breaks it.

A corruption names the rules that break beside its own because they say something about the same
cell: no answer can leave its range as well as its level list alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

Change = Callable[[pd.DataFrame], "pd.DataFrame | None"]


@dataclass(frozen=True, slots=True)
class Corruption:
    """A change of a copy of the data, in place or returned, and the rules that break with it."""

    change: Change
    also: tuple[str, ...] = ()

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The corrupted copy."""
        copy = frame.copy(deep=True)
        changed = self.change(copy)
        return copy if changed is None else changed


def put(rows: object, values: Mapping[str, object]) -> Change:
    """Write values into the rows selected by a position, a list of them, or an expression."""

    def change(frame: pd.DataFrame) -> None:
        write(frame, rows, values)

    return change


def write(frame: pd.DataFrame, rows: object, values: Mapping[str, object]) -> None:
    """Write values; a new level is added to a factor, as a reader without a codebook would."""
    where = rows(frame) if callable(rows) else rows
    for name, value in values.items():
        column = frame[name]
        factor = isinstance(column.dtype, pd.CategoricalDtype)
        if factor and isinstance(value, str) and value not in column.cat.categories:
            frame[name] = column.cat.add_categories([value])
        frame.loc[where, name] = value


def duplicate(row: int, **values: object) -> Change:
    """Append a copy of a row, with some of its cells changed."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        longer = pd.concat([frame, frame.iloc[[row]]], ignore_index=True)
        write(longer, len(longer) - 1, values)
        return longer

    return change


def without(rows: object) -> Change:
    """Drop rows."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        where = rows(frame) if callable(rows) else rows
        dropped = frame.index[where] if not isinstance(where, list) else where
        return frame.drop(index=dropped).reset_index(drop=True)

    return change
