"""What missing and infinite values do to the data of a model, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import ModelError
from harness.language.nodes import Name, Node, names_in
from harness.models.variables import Factor, Numeric, Variable, Vector, level_text

LARGEST = 1e140
"""Size of a value, or of a column's root of the sum of squares, beyond which products of two lose
their range; its reciprocal bounds them from below."""

NAMED = 8
"""Most levels that a message names."""


def made_missing(
    named: Iterable[tuple[str, Node]], frame: pd.DataFrame, variables: dict[str, Variable]
) -> tuple[str, ...]:
    """A message for each call that turned known values into missing ones (R: NaNs produced).

    Args:
        named: R's name and the node of each variable.
        frame: the data.
        variables: each variable on all rows, by name.
    """
    messages = []
    for label, node in named:
        variable = variables[label]
        if isinstance(node, Name) or isinstance(variable, Factor):
            continue
        known = ~np.logical_or.reduce([pd.isna(frame[name]) for name in names_in(node)])
        lost = int((np.isnan(variable.columns[0]) & known).sum())
        if lost:
            messages.append(f"`{label}` is not a number in {lost} rows with data: rows omitted")
    return tuple(messages)


def vanished(before: Factor, after: Factor) -> tuple[str, ...]:
    """A message when levels of a grouping factor have rows, but no complete one.

    Args:
        before: the factor on all rows.
        after: the same on the complete rows.
    """
    had = np.bincount(before.codes[before.codes >= 0], minlength=len(before.levels)) > 0
    has = np.bincount(after.codes, minlength=len(after.levels)) > 0
    gone = before.levels[had & ~has]
    if not len(gone):
        return ()
    shown = ", ".join(level_text(level) for level in gone[:NAMED])
    more = f" and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
    noun = "level" if len(gone) == 1 else "levels"
    return (f"no complete row in {len(gone)} {noun} of `{before.label}`: {shown}{more}",)


def no_complete_row(
    columns: tuple[str, ...], frame: pd.DataFrame, evaluated: Iterable[Variable]
) -> str:
    """Say which column, or which call, empties the data.

    Args:
        columns: every column the model needs.
        frame: the data.
        evaluated: the variables on all rows.
    """
    for variable in evaluated:
        if isinstance(variable, Numeric) and np.isnan(variable.columns[0]).all():
            known = [name for name in columns if frame[name].notna().any()]
            if variable.label not in columns and known:
                return f"`{variable.label}` is not a number in any row; check its argument"
    shares = {name: int(frame[name].isna().sum()) for name in columns}
    worst = max(shares, key=lambda name: shares[name])
    return (
        f"no row is complete in the model's columns ({', '.join(shares)}); "
        f"`{worst}` is missing in {shares[worst]} of {len(frame)} rows"
    )


def check_finite(label: str, node: Node, columns: tuple[Vector, ...]) -> None:
    """Refuse infinities, which no omission rule covers, and numbers near the largest there is.

    Raises:
        ModelError: an infinite or such a value; the message names the columns it comes from.
    """
    for column in columns:
        infinite = ~np.isfinite(column)
        source = "" if isinstance(node, Name) else f" (from {', '.join(names_in(node))})"
        if infinite.any():
            raise ModelError(
                f"`{label}`{source} is infinite in {int(infinite.sum())} of {len(column)} rows; "
                "correct the values or declare them missing"
            )
        largest = float(np.abs(column).max(initial=0.0))
        if largest >= LARGEST:
            raise ModelError(
                f"`{label}`{source} has values as large as {largest:.3g}: the sums of their "
                "squares have no finite number; take a larger unit, or check the column"
            )


def check_size(R: npt.NDArray[np.float64], names: Sequence[str]) -> None:
    """Refuse columns whose squares are beyond, or below, what a floating-point number can be.

    Args:
        R: (P, P) triangular factor of the columns.
        names: what each of them is called.

    Raises:
        ModelError: naming the first such column.
    """
    entries = R.ravel()
    pivots = R.diagonal().tolist()
    if float(entries @ entries) < LARGEST and all(abs(pivot) > 1.0 / LARGEST for pivot in pivots):
        return  # far from both limits, as nearly always
    size = np.abs(R).max(axis=0)
    wrong = (size >= LARGEST) | ((size > 0.0) & (size <= 1.0 / LARGEST))
    if wrong.any():
        j = int(np.flatnonzero(wrong)[0])
        what, unit = ("large", "larger") if size[j] >= LARGEST else ("small", "smaller")
        raise ModelError(
            f"the values of `{names[j]}` are too {what} (about {size[j]:.1g}): their squares have "
            f"no floating-point number; take a {unit} unit, or check the column"
        )
