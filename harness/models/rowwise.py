"""Prior weights, offsets and censoring: what a model has for each row besides its variables.

A row of weight w has residual variance ``sigma^2 / w``; an offset enters the mean with coefficient
1 (Chambers & Hastie 1992, *Statistical Models in S*, chapters 4 and 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError, ModelError
from harness.language.nodes import Name, Node, deparse, quote_name
from harness.models.variables import Factor, Vector, evaluate_variable

if TYPE_CHECKING:
    import pandas as pd

    from harness.models.spec import ModelSpec


def prior_weights(spec: ModelSpec, frame: pd.DataFrame) -> Vector:
    """The weights (rows,) of every row, missing ones as NaN.

    Raises:
        DataError: no such column.
        ModelError: a column that is not numeric.
    """
    return _number(Name(spec.weights), frame, "weights")


def total_offset(spec: ModelSpec, frame: pd.DataFrame) -> Vector:
    """The sum (rows,) of the offsets of the argument and of the formula, of which there is one.

    Raises:
        DataError: no such column.
        ModelError: an offset that is not numeric.
    """
    nodes: tuple[Node, ...] = spec.formula.offsets
    if spec.offset:
        nodes = (Name(spec.offset), *nodes)  # the order in which R adds them
    total = _number(nodes[0], frame, "offset")
    for node in nodes[1:]:
        total = total + _number(node, frame, "offset")
    return total


def censoring(spec: ModelSpec, frame: pd.DataFrame) -> Vector:
    """Whether each row (rows,) is censored: 1, 0, or NaN where that is missing.

    Raises:
        DataError: no such column.
        ModelError: a column that is not numeric, or has other numbers.
    """
    flags = _number(Name(spec.censored), frame, "censored")
    wrong = ~(np.isnan(flags) | (flags == 0.0) | (flags == 1.0))
    if wrong.any():
        raise ModelError(
            f"censored `{spec.censored}` is {flags[wrong][0]:g} in a row; it must be 1 where the "
            "value is censored and 0 where not"
        )
    return flags


def new_offset(spec: ModelSpec, new: pd.DataFrame) -> Vector:
    """The offset (k,) of new rows.

    Raises:
        DataError: no such column, or a missing value.
        ModelError: an offset that is not a finite number.
    """
    total = total_offset(spec, new)
    wrong = np.flatnonzero(~np.isfinite(total))
    if len(wrong):
        at = f"offset `{offset_name(spec)}`"
        if np.isnan(total[wrong[0]]):
            raise DataError(f"new values: {at} is missing in row {wrong[0] + 1}; leave the row out")
        raise ModelError(f"new values: {at} is not a finite number (row {wrong[0] + 1})")
    return total


def offset_name(spec: ModelSpec) -> str:
    """The offset as formulas spell it: the column, then the arguments of ``offset()``."""
    spelt = [deparse(node) for node in spec.formula.offsets]
    return " + ".join([quote_name(spec.offset), *spelt] if spec.offset else spelt)


def check_weights(spec: ModelSpec, weights: Vector) -> None:
    """Refuse weights that no variance can have.

    lme4 1.1-31 drops rows of weight zero from nothing and reports a log-likelihood of minus
    infinity; ``lm`` leaves them out. Here they are refused, so that nobody has to know which.

    Raises:
        ModelError: a weight that is zero, negative or infinite, on a row used.
    """
    wrong = ~((weights > 0.0) & np.isfinite(weights))
    if not wrong.any():
        return
    first = weights[wrong][0]
    what = "infinite" if np.isinf(first) else "zero" if first == 0.0 else "negative"
    raise ModelError(
        f"weights `{spec.weights}` are not all positive numbers: {int(wrong.sum())} of "
        f"{len(weights)} rows, the first {what}; correct them, or make them missing to leave "
        "those rows out"
    )


def check_offset(spec: ModelSpec, offset: Vector) -> None:
    """Refuse an infinite offset.

    Raises:
        ModelError: naming the offset.
    """
    wrong = ~np.isfinite(offset)
    if wrong.any():
        raise ModelError(
            f"offset `{offset_name(spec)}` is infinite in {int(wrong.sum())} of {len(offset)} "
            "rows; correct the values or declare them missing"
        )


def _number(node: Node, frame: pd.DataFrame, role: str) -> Vector:
    """A numeric column or call (rows,).

    Raises:
        DataError: no such column.
        ModelError: not one number a row.
    """
    variable = evaluate_variable(node, frame)
    if isinstance(variable, Factor) or len(variable.columns) > 1:
        plural = "are" if role == "weights" else "is"
        raise ModelError(
            f"{role} `{variable.label}` {plural} not numeric; name a column of numbers"
        )
    return variable.columns[0]
