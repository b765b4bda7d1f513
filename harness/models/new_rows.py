"""Rows of a fitted model's matrix for new values of its variables.

The coding is the fit's: its levels, its contrasts, and the constants that ``scale``, ``center`` and
``poly`` took from its data, as R's ``makepredictcall`` keeps them (wherever they stand: R knows
them only at the outermost place, and takes ``I(scale(x)^2)`` from the new rows).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, ModelError
from harness.language.nodes import Name, names_in
from harness.models.coding import Made, term_codes, term_columns
from harness.models.design import Design
from harness.models.frame import layout_of
from harness.models.variables import (
    Factor,
    Numeric,
    Variable,
    Vector,
    as_factor,
    evaluate_variable,
    level_text,
)

Matrix = npt.NDArray[np.float64]

Terms = tuple[tuple[str, ...], ...]
"""The names of each term's variables, as a formula's layout has them."""


@dataclass(frozen=True, slots=True)
class NewRows:
    """Rows of the fixed-effects model matrix.

    Attributes:
        names: R's name of each of the P columns, those the fit dropped included.
        full: (k, P) rows, R's ``model.matrix``.
        kept: (p,) positions of the columns the fit has, in its order.
    """

    names: tuple[str, ...]
    full: Matrix
    kept: npt.NDArray[np.intp]

    @property
    def X(self) -> Matrix:  # noqa: N802
        """(k, p) rows in the columns of the fit."""
        return self.full[:, self.kept]


def new_rows(design: Design, new: pd.DataFrame) -> NewRows:
    """The fixed-effects model matrix at new values.

    Args:
        design: of the fit.
        new: a column for each data column of the fixed effects (others are ignored); (k) rows.

    Raises:
        DataError: a column is absent.
        ModelError: a level the fit does not have, a missing value, or one where the formula is
            not a finite number; the message names the column.
    """
    fixed = layout_of(design.spec.formula).fixed
    variables = new_variables(design, new, (label for term in fixed for label in term))
    names, full = columns_at(design, fixed, design.spec.formula.intercept, variables, len(new))
    return NewRows(names, full, kept_columns(design, names))


def kept_columns(design: Design, names: Iterable[str]) -> npt.NDArray[np.intp]:
    """Positions (p,) of the fit's columns among all columns of its model matrix."""
    dropped = set(design.dropped)
    return np.array([j for j, name in enumerate(names) if name not in dropped], dtype=np.intp)


def new_variables(design: Design, new: pd.DataFrame, labels: Iterable[str]) -> dict[str, Variable]:
    """Variables of the formula at new values, factors on the levels of the fit.

    Args:
        design: of the fit.
        new: a column for each data column the variables need.
        labels: which, under R's names.

    Raises:
        DataError: a column is absent.
        ModelError: as :func:`new_rows`.
    """
    nodes = dict(layout_of(design.spec.formula).variables)
    made: dict[str, Variable] = {}
    for label in dict.fromkeys(labels):
        known, node = design.frame.variables[label], nodes[label]
        for name in names_in(node):
            if isinstance(new.get(name), pd.DataFrame):
                raise DataError(f"new values: more than one column `{name}`; rename one")
            if name in new and bool(new[name].isna().any()):
                row = int(np.flatnonzero(new[name].isna())[0]) + 1
                raise DataError(f"new values: `{name}` is missing in row {row}; leave the row out")
        variable = evaluate_variable(node, new, design.frame.data)
        if isinstance(known, Factor):
            made[label] = _on_levels(variable, known, ", ".join(names_in(node)))
            continue
        if isinstance(variable, Factor):
            raise ModelError(f"new values: `{label}` is a number in the fit, not text or a factor")
        for column in variable.columns:
            if not np.isfinite(column).all():
                row = int(np.flatnonzero(~np.isfinite(column))[0])
                source = [] if isinstance(node, Name) else list(names_in(node))
                at = "".join(f" at {name} = {new[name].iloc[row]}" for name in source)
                raise ModelError(
                    f"new values: `{label}` is not a finite number{at} (row {row + 1})"
                )
        made[label] = variable
    return made


def _on_levels(variable: Variable, known: Factor, source: str) -> Factor:
    """A factor's codes among the levels of the fit; numbers stand for levels spelt like them."""
    if isinstance(variable, Numeric):
        variable = as_factor(variable, known.label)
    position = {level_text(level): k for k, level in enumerate(known.levels)}
    texts = [level_text(level) for level in variable.levels]
    used = np.bincount(variable.codes, minlength=len(texts)) > 0
    unknown = [text for text, at in zip(texts, used, strict=True) if at and text not in position]
    if unknown:
        levels = list(position)
        shown = ", ".join(levels[:8]) + (", ..." if len(levels) > 8 else "")
        raise ModelError(
            f"new values: in the fit `{source}` has no level `{unknown[0]}`; it has: {shown}"
        )
    rank = np.array([position.get(text, -1) for text in texts], dtype=np.intp)
    return replace(known, codes=rank[variable.codes])


def columns_at(
    design: Design, terms: Terms, intercept: bool, variables: dict[str, Variable], rows: int
) -> tuple[tuple[str, ...], Matrix]:
    """Names (P,) and columns (rows, P) of some terms, fixed or random, for given variables.

    Args:
        design: of the fit: which variables are factors decides the coding of a term.
        terms: the names of each term's variables, in R's order.
        intercept: whether a column of ones comes first.
        variables: at least those of the terms.
        rows: how many.
    """
    factors = frozenset(k for k, v in design.frame.variables.items() if isinstance(v, Factor))
    names: list[str] = ["(Intercept)"] if intercept else []
    columns: list[Vector] = [np.ones(rows)] if intercept else []
    made: Made = {}
    for code in term_codes(terms, intercept, factors):
        more_names, more = term_columns(code, variables, made)
        names += more_names
        columns += more
    full = np.empty((rows, len(columns)))
    for j, column in enumerate(columns):
        full[:, j] = column
    return tuple(names), full
