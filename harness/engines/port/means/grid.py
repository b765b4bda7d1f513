"""The reference grid: every combination of the factors' levels, covariates at their means.

Conventions are those of R's emmeans (Lenth). A factor, or a number that the formula calls
``factor()`` on, has all its levels; a number with two values in the rows used has both, as a factor
would; any other number its mean. ``at`` replaces the values of a variable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.means.alike import once
from harness.errors import ModelError
from harness.language.nodes import Name, names_in
from harness.models.design import Design
from harness.models.frame import layout_of
from harness.models.new_rows import NewRows, new_rows
from harness.models.slopes import new_slopes
from harness.models.transforms import mean_of
from harness.models.variables import Factor, Numeric, evaluate_variable, level_text

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Value = str | float

Weights = Literal["equal", "proportional", "outer", "cells", "flat"]
"""How the variables that are averaged over count."""

KEPT_VALUES = 2
"""A number with at most so many values enters as a factor does (emmeans' ``cov.keep``)."""

MOST_ENTRIES = 50_000_000
"""Largest model matrix of a grid: 400 MB."""


@dataclass(frozen=True, slots=True)
class ReferenceGrid:
    """Combinations of values, the first variable varying fastest.

    Attributes:
        values: the values of each data column of the fixed effects.
        rows: model matrix of the K combinations.
        counts: (K,) rows of the data with the combination of factors' levels.
    """

    values: dict[str, tuple[Value, ...]]
    rows: NewRows
    counts: Vector


def reference_grid(
    design: Design,
    at: Mapping[str, Any] | None = None,
    slope_of: str | None = None,
    around: float | None = None,
) -> ReferenceGrid:
    """The grid of a design.

    Args:
        design: of the fit.
        at: column -> value or values.
        slope_of: take the derivative of the model matrix by this column.
        around: covariates at their mean less and plus this, instead of the mean.

    Raises:
        ModelError: ``at`` names no variable of the fixed effects or no level of a factor; a grid
            too large.
    """
    if at is not None and not isinstance(at, Mapping):
        raise ModelError(f"at must map a variable to its values, not {at!r}; write at={{'x': 1}}")
    if not all(isinstance(value, tuple) for value in (at or {}).values()):
        return _made(design, at, slope_of, around)
    # Texts and numbers in tuples say by their repr exactly what they are.
    what = ("grid", repr(at), slope_of, around)
    return once(design, what, lambda: _made(design, at, slope_of, around))


def _made(
    design: Design, at: Mapping[str, Any] | None, slope_of: str | None, around: float | None
) -> ReferenceGrid:
    values, factors, few = _values(design, around)
    for name, wanted in (at or {}).items():
        if name not in values:
            known = ", ".join(values) or "none"
            raise ModelError(f"at: no variable `{name}` in the fixed effects; there are: {known}")
        values[name] = _asked(name, wanted, values[name])
    K = math.prod(len(each) for each in values.values())
    if K * max(1, len(design.names)) > MOST_ENTRIES:
        sizes = ", ".join(f"{name} {len(each)}" for name, each in values.items())
        raise ModelError(f"the reference grid has {K} rows ({sizes}); fix some variables by at=")
    frame = combinations(values)
    rows = new_rows(design, frame) if slope_of is None else new_slopes(design, frame, slope_of)
    # Values the user sets for a number are not levels that have frequencies, as in emmeans.
    counting = factors | (few - set(at or {}))
    return ReferenceGrid(values, rows, _counts(design, values, counting))


def combinations(values: Mapping[str, Sequence[Value]]) -> pd.DataFrame:
    """Every combination of the values, the first variable varying fastest."""
    shape = [len(each) for each in values.values()]
    K = math.prod(shape)
    index = np.unravel_index(np.arange(K), shape, order="F") if shape else ()
    columns = {
        name: pd.Series(list(each)).take(at).array
        for (name, each), at in zip(values.items(), index, strict=True)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(K))


def _values(
    design: Design, around: float | None
) -> tuple[dict[str, tuple[Value, ...]], frozenset[str], frozenset[str]]:
    """Each column's values; which columns are factors; which are numbers of few values."""
    layout = layout_of(design.spec.formula)
    nodes = dict(layout.variables)
    labels = list(dict.fromkeys(label for term in layout.fixed for label in term))
    values: dict[str, tuple[Value, ...]] = {}
    factors: set[str] = set()
    few: set[str] = set()
    for label in labels:
        variable, node = design.frame.variables[label], nodes[label]
        for name in names_in(node):
            if isinstance(variable, Factor):
                factors.add(name)
            if isinstance(variable, Factor) and isinstance(node, Name):
                values[name] = tuple(level_text(level) for level in variable.levels)
            elif name not in values:
                values[name] = ()
    for name, known in values.items():
        if known:
            continue
        column = _used(design, name)
        if isinstance(column, Factor):  # text inside factor()
            present = np.unique(column.codes)
            values[name] = tuple(level_text(level) for level in column.levels[present])
            continue
        distinct = np.unique(column.columns[0])
        if name in factors:
            values[name] = tuple(distinct.tolist())
        elif len(distinct) <= KEPT_VALUES:
            few.add(name)
            values[name] = tuple(distinct.tolist())
        else:
            mean = mean_of(column.columns[0])
            values[name] = (mean,) if around is None else (mean - around, mean + around)
    return values, frozenset(factors), frozenset(few)


def _used(design: Design, name: str) -> Numeric | Factor:
    """A data column on the rows used."""
    column = evaluate_variable(Name(name), design.frame.data[[name]])
    present = design.used
    if isinstance(column, Factor):
        return Factor(name, column.codes[present], column.levels)
    return Numeric(name, (column.columns[0][present],))


def _asked(name: str, wanted: Any, known: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values of ``at`` for one variable, in the order given."""
    several = isinstance(wanted, (Sequence, np.ndarray, pd.Index, pd.Series))
    listed = list(wanted) if several and not isinstance(wanted, str) else [wanted]
    if not listed:
        raise ModelError(f"at: no values for `{name}`")
    if isinstance(known[0], str):
        texts = [_text(value) for value in listed]
        for text in texts:
            if text not in known:
                raise ModelError(
                    f"at: `{name}` has no level `{text}`; it has: {', '.join(map(str, known))}"
                )
        return tuple(texts)
    try:
        numbers = [float(value) for value in listed]
    except (TypeError, ValueError):
        raise ModelError(f"at: `{name}` is a number; {listed!r} are not numbers") from None
    return tuple(numbers)


def _text(value: Any) -> str:
    """A level as the fit spells it."""
    if isinstance(value, (bool, np.bool_)):
        return "TRUE" if value else "FALSE"
    return level_text(float(value)) if isinstance(value, np.floating) else level_text(value)


def _counts(
    design: Design, values: dict[str, tuple[Value, ...]], factors: frozenset[str]
) -> Vector:
    """(K,) rows of the data in each combination of the factors' values."""
    shape = tuple(len(each) for each in values.values())
    counting = [name for name in values if name in factors]
    found = np.zeros(tuple(len(values[name]) for name in counting))
    inside = np.ones(design.frame.n_obs, dtype=np.bool_)
    index = []
    for name in counting:
        column = _used(design, name)
        if isinstance(column, Factor):
            own: list[Value] = [level_text(level) for level in column.levels]
            codes = column.codes
        else:
            distinct, codes = np.unique(column.columns[0], return_inverse=True)
            own = distinct.tolist()
        place = {value: k for k, value in enumerate(values[name])}
        at = np.array([place.get(value, -1) for value in own], dtype=np.intp)[codes]
        inside &= at >= 0
        index.append(at)
    if counting:
        np.add.at(found, tuple(at[inside] for at in index), 1.0)
    else:
        found = np.asarray(float(design.frame.n_obs))
    wide = [len(values[name]) if name in factors else 1 for name in values]
    return np.broadcast_to(found.reshape(wide), shape).ravel(order="F")


def averages(
    grid: ReferenceGrid, kept: Sequence[str], weights: Weights
) -> tuple[pd.DataFrame, Matrix, Vector]:
    """Means over the variables that are not kept.

    Args:
        grid: the grid.
        kept: variables that stay, the first varying fastest.
        weights: how the others count: ``equal``; ``proportional`` to the frequencies of their
            combinations; ``outer``: to the product of their own frequencies; ``cells``: to the
            frequencies within each combination kept; ``flat``: equal over cells with data.

    Returns:
        The combinations kept, their linear functions (k, P), and their rows of data (k,).

    Raises:
        ModelError: an unknown variable or weighting.
    """
    names = list(grid.values)
    for name in kept:
        if name not in names:
            known = ", ".join(names) or "none"
            raise ModelError(f"no variable `{name}` in the fixed effects; there are: {known}")
    if weights not in get_args(Weights):
        raise ModelError(f"weights: `{weights}` is none of {', '.join(get_args(Weights))}")
    P = grid.rows.full.shape[1]
    shape = [len(each) for each in grid.values.values()]
    others = [name for name in names if name not in kept]
    order = [names.index(name) for name in (*kept, *others)]
    size = math.prod(shape[j] for j in order[: len(kept)])
    X = grid.rows.full.reshape([*shape, P], order="F").transpose([*order, len(shape)])
    n = grid.counts.reshape(shape, order="F").transpose(order)
    X = X.reshape((size, -1, P), order="F")
    n = n.reshape((size, -1), order="F")
    cells = n.sum(axis=1)
    match weights:
        case "equal":
            w = np.ones_like(n)
        case "proportional":
            w = np.broadcast_to(n.sum(axis=0), n.shape)
        case "cells":
            w = n
        case "flat":
            w = (n > 0.0).astype(np.float64)
        case "outer":
            w = np.broadcast_to(_outer(n, [len(grid.values[name]) for name in others]), n.shape)
    total = w.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = w / total  # a cell without weight has no mean: NaN, and said in the table
    combined = combinations({name: grid.values[name] for name in kept})
    return combined, np.einsum("ij,ijp->ip", share, X), cells


def _outer(n: Matrix, sizes: list[int]) -> Vector:
    """Product of the marginal frequencies of the variables averaged over."""
    table = n.sum(axis=0).reshape(sizes, order="F")
    product = np.ones(sizes)
    for axis, size in enumerate(sizes):
        rest = tuple(k for k in range(len(sizes)) if k != axis)
        margin = table.sum(axis=rest)
        product = product * margin.reshape([size if k == axis else 1 for k in range(len(sizes))])
    return product.ravel(order="F")
