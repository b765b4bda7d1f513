"""How fast a model matrix's rows change with one numeric column of the data: exact derivatives.

The chain rule on the syntax tree of each variable; no differences are taken, so a slope has the
digits of the model matrix itself. ``scale``, ``center`` and ``poly`` keep the constants of the
fit's data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.errors import ModelError
from harness.language.nodes import Binary, Call, Group, Name, Node, Number, Unary, deparse, names_in
from harness.models.design import Design
from harness.models.frame import layout_of
from harness.models.new_rows import NewRows, columns_at, kept_columns, new_variables
from harness.models.transforms import orthogonal_polynomials_at, scale_spread
from harness.models.variables import Factor, Numeric, Variable, Vector, numbers, poly_degree


def new_slopes(design: Design, new: pd.DataFrame, column: str) -> NewRows:
    """Derivative of the fixed-effects model matrix by a numeric column, at new values.

    A model-matrix row is linear in each of its variables, so the derivative is the sum over the
    variables of the row with that one replaced by its derivative.

    Args:
        design: of the fit.
        new: a column for each data column of the fixed effects; (k) rows.
        column: the data column, in its own unit.

    Raises:
        DataError: a column is absent.
        ModelError: no numeric column of the fixed effects, a value where a derivative is not
            finite, or as :func:`harness.models.new_rows.new_rows`.
    """
    formula = design.spec.formula
    layout = layout_of(formula)
    nodes = dict(layout.variables)
    labels = list(dict.fromkeys(label for term in layout.fixed for label in term))
    moving = [label for label in labels if column in names_in(nodes[label])]
    if not moving:
        raise ModelError(f"no fixed effect depends on `{column}`, so it has no slope")
    for label in moving:
        if isinstance(design.frame.variables[label], Factor):
            raise ModelError(f"`{column}` is a factor in the model (`{label}`): it has no slope")
    variables = new_variables(design, new, labels)

    def full(label: str, columns: tuple[Vector, ...]) -> NewRows:
        known = design.frame.variables[label]
        suffixes = known.suffixes if isinstance(known, Numeric) else ("",)
        changed: dict[str, Variable] = {**variables, label: Numeric(label, columns, suffixes)}
        names, rows = columns_at(design, layout.fixed, formula.intercept, changed, len(new))
        return NewRows(names, rows, kept_columns(design, names))

    rows: list[NewRows] = []
    for label in moving:
        slopes = _variable_slopes(nodes[label], column, new, design.frame.data)
        for each in slopes:
            if not np.isfinite(each).all():
                row = int(np.flatnonzero(~np.isfinite(each))[0])
                raise ModelError(
                    f"`{label}` has no finite slope at {column} = {new[column].iloc[row]}"
                )
        moved = full(label, slopes)
        # Terms without this variable are the same in both, to the last bit.
        still = full(label, tuple(np.zeros(len(new)) for _ in slopes))
        rows.append(replace(moved, full=moved.full - still.full))
    return replace(rows[0], full=sum((each.full for each in rows[1:]), rows[0].full))


def _variable_slopes(
    node: Node, column: str, new: pd.DataFrame, data: pd.DataFrame
) -> tuple[Vector, ...]:
    """Derivatives of a variable's columns."""
    if isinstance(node, Call) and node.function == "poly":
        inner = node.arguments[0]
        at = numbers(inner, new, data)
        of = numbers(inner, data)
        _, slopes = orthogonal_polynomials_at(at, poly_degree(node), deparse(node), of)
        step = slope(inner, column, new, data)
        return tuple(each * step for each in slopes)
    return (slope(node, column, new, data),)


def slope(node: Node, column: str, new: pd.DataFrame, data: pd.DataFrame) -> Vector:
    """Derivative (k,) of a numeric node by a column, at the rows of ``new``.

    Args:
        node: what is differentiated.
        column: by which.
        new: where.
        data: rows that ``scale`` takes its spread from.

    Raises:
        ModelError: a call that is not a number.
    """
    if column not in names_in(node):
        return np.zeros(len(new))
    match node:
        case Name():
            return np.ones(len(new))
        case Group():
            return slope(node.inner, column, new, data)
        case Unary(operator="-"):
            return -slope(node.operand, column, new, data)
        case Unary(operator="+"):
            return slope(node.operand, column, new, data)
        case Binary():
            return _binary_slope(node, column, new, data)
        case Call() if node.function in _DERIVATIVES or node.function in ("scale", "center", "I"):
            inner = slope(node.arguments[0], column, new, data)
            if node.function in ("I", "center"):
                return inner
            if node.function == "scale":
                return inner / scale_spread(numbers(node.arguments[0], data))
            with np.errstate(all="ignore"):
                return inner * _DERIVATIVES[node.function](numbers(node.arguments[0], new, data))
        case _:
            raise ModelError(f"`{deparse(node)}` has no slope")


def _binary_slope(node: Binary, column: str, new: pd.DataFrame, data: pd.DataFrame) -> Vector:
    """Sum, product, quotient and power rules."""
    f, g = numbers(node.left, new, data), numbers(node.right, new, data)
    df, dg = slope(node.left, column, new, data), slope(node.right, column, new, data)
    with np.errstate(all="ignore"):
        match node.operator:
            case "+":
                return df + dg
            case "-":
                return df - dg
            case "*":
                return df * g + f * dg
            case "/":
                return (df - f / g * dg) / g
            case "^" if column not in names_in(node.right):
                if isinstance(node.right, Number) and node.right.value == 0.0:
                    return np.zeros(len(new))
                return g * np.power(f, g - 1.0) * df
            case "^":
                return np.power(f, g) * (dg * np.log(f) + g * df / f)
    raise ModelError(f"`{deparse(node)}` has no slope")


_DERIVATIVES: dict[str, Callable[[Vector], Vector]] = {
    "log": lambda x: 1.0 / x,
    "log2": lambda x: 1.0 / (x * math.log(2.0)),
    "log10": lambda x: 1.0 / (x * math.log(10.0)),
    "log1p": lambda x: 1.0 / (1.0 + x),
    "exp": np.exp,
    "sqrt": lambda x: 0.5 / np.sqrt(x),
}
"""Derivatives of the functions of one number."""
