"""The model frame: a formula's variables on the rows that are complete, as R's ``model.frame``.

Every variable is evaluated on all rows first and incomplete rows are omitted afterwards, in this
order, because ``scale(x)`` must see the rows R lets it see. Levels no row uses are dropped last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, ModelError
from harness.language.formula import Formula, Term
from harness.language.nodes import Name, Node, deparse, names_in
from harness.models.spec import ModelSpec
from harness.models.variables import (
    Factor,
    Numeric,
    Variable,
    Vector,
    as_factor,
    evaluate_variable,
)


@dataclass(frozen=True, slots=True)
class Grouping:
    """One grouping factor on the rows used.

    Attributes:
        label: lme4's name, e.g. ``Subject`` or ``cask:batch``.
        codes: (n,) 0-based codes among the levels present, any integer dtype.
        sizes: (G,) rows of each level present.
        levels: texts of the levels present, in order of the factor.
    """

    label: str
    codes: npt.NDArray[Any]
    sizes: npt.NDArray[np.intp]
    levels: pd.Index


@dataclass(frozen=True, slots=True)
class ModelFrame:
    """A formula's variables on the complete rows.

    Attributes:
        n_rows: rows of the data given.
        omitted: positions (0-based, ascending) of the rows omitted as incomplete.
        response: R's name of the response.
        y: (n,) response on the rows used.
        variables: each variable of the fixed and random terms under R's name, factors with
            present levels only.
        groupings: the distinct grouping factors, in order of appearance.
        messages: what R would warn of (values that became missing by a transformation).
    """

    n_rows: int
    omitted: npt.NDArray[np.intp]
    response: str
    y: Vector
    variables: dict[str, Variable]
    groupings: tuple[Grouping, ...]
    messages: tuple[str, ...]

    @property
    def n_obs(self) -> int:
        """Rows used."""
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Layout:
    """A formula in R's names: what the frame and the design look up, worked out once.

    Attributes:
        variables: every distinct variable of the terms with R's name, in order of appearance.
        groups: the distinct grouping factors: label and columns.
        fixed: the variables' names of each fixed-effect term.
        random: for each random-effects term its group's label, whether it has an intercept, and
            the variables' names of each of its slopes.
    """

    variables: tuple[tuple[str, Node], ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    fixed: tuple[tuple[str, ...], ...]
    random: tuple[tuple[str, bool, tuple[tuple[str, ...], ...]], ...]


@lru_cache(maxsize=4096)
def layout_of(formula: Formula) -> Layout:
    """The layout of a formula; remembered."""
    found: dict[str, Node] = {}

    def named(terms: tuple[Term, ...]) -> tuple[tuple[str, ...], ...]:
        for term in terms:
            for node in term.factors:
                found.setdefault(deparse(node), node)
        return tuple(tuple(deparse(node) for node in term.factors) for term in terms)

    fixed = named(formula.terms)
    random = tuple((r.group_label, r.intercept, named(r.terms)) for r in formula.random)
    groups = tuple(dict.fromkeys((r.group_label, r.group) for r in formula.random))
    return Layout(tuple(found.items()), groups, fixed, random)


def model_frame(spec: ModelSpec, frame: pd.DataFrame) -> ModelFrame:
    """Evaluate the formula's variables, omit incomplete rows, drop unused levels.

    Args:
        spec: the model; only its formula is used.
        frame: numbers as floats, factors as ``Categorical`` (text is read as a factor with
            levels in code-point order); may have missing values and other columns.

    Raises:
        DataError: a column is absent, or there are no rows.
        ModelError: data on which the model cannot be fitted; the message names column and remedy.
    """
    formula = spec.formula
    layout = layout_of(formula)
    if not len(frame):
        raise DataError("the data have no rows; check the file and the analysis set")
    response = deparse(formula.response)
    outcome = evaluate_variable(formula.response, frame)
    if isinstance(outcome, Factor):
        raise ModelError(
            f"outcome `{response}` is text or a factor, not a number; "
            "derive a numeric outcome, or declare the column as a number"
        )
    if len(outcome.columns) > 1:
        raise ModelError(f"outcome `{response}` has several columns; name one number")
    variables: dict[str, Variable] = {}
    for label, node in layout.variables:
        variables[label] = evaluate_variable(node, frame)
    groups = {label: _grouping_codes(columns, frame) for label, columns in layout.groups}

    present: npt.NDArray[np.bool_] | None = None
    y = outcome.columns[0]
    vectors = [y]
    for variable in variables.values():
        if isinstance(variable, Numeric):
            vectors.extend(variable.columns)
    for vector in vectors:
        # A finite sum proves every entry finite in one pass; only otherwise look closer.
        if not np.isfinite(np.add.reduce(vector)):
            present = _and(present, ~np.isnan(vector))
    factors = [v.codes for v in variables.values() if isinstance(v, Factor)]
    for codes in (*factors, *(f.codes for f in groups.values())):
        if codes.min() < 0:
            present = _and(present, codes >= 0)

    messages: tuple[str, ...] = ()
    evaluated: list[Variable] = [outcome, *variables.values()]
    omitted = np.empty(0, dtype=np.intp)
    if present is not None and not present.all():
        messages = _made_missing(formula, frame, response, y, variables)
        omitted = np.flatnonzero(~present)
        y = y[present]
        variables = {k: _select(v, present) for k, v in variables.items()}
        groups = {k: Factor(f.label, f.codes[present], f.levels) for k, f in groups.items()}
        if not len(y):
            raise DataError(_no_complete_row(formula, frame, evaluated))
    _check_finite(response, formula.response, (y,))
    for label, node in layout.variables:
        variable = variables[label]
        if isinstance(variable, Numeric):
            _check_finite(label, node, variable.columns)
        else:
            variables[label] = _drop_unused(variable)
    if y[0] == y[-1] and (y == y[0]).all():
        raise ModelError(
            f"outcome `{response}` is constant ({y[0]:g} in all {len(y)} rows used); "
            "there is nothing to model, check the column and the analysis set"
        )
    groupings = tuple(_grouping(label, factor) for label, factor in groups.items())
    return ModelFrame(len(frame), omitted, response, y, variables, groupings, messages)


def _and(
    present: npt.NDArray[np.bool_] | None, more: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    return more if present is None else present & more


def _select(variable: Variable, present: npt.NDArray[np.bool_]) -> Variable:
    """The variable on the rows kept."""
    if isinstance(variable, Factor):
        return Factor(variable.label, variable.codes[present], variable.levels)
    columns = tuple(column[present] for column in variable.columns)
    return Numeric(variable.label, columns, variable.suffixes)


def _grouping_codes(columns: tuple[str, ...], frame: pd.DataFrame) -> Factor:
    """A grouping factor's codes on all rows; an interaction varies its last column fastest."""
    parts = [_as_grouping(name, frame) for name in columns]
    if len(parts) == 1:
        return parts[0]
    codes = parts[0].codes.astype(np.int64)
    missing = codes < 0
    for part in parts[1:]:
        missing = missing | (part.codes < 0)
        codes = codes * len(part.levels) + part.codes
    used, compact = np.unique(np.where(missing, -1, codes), return_inverse=True)
    if used[0] == -1:
        used, compact = used[1:], compact - 1
    texts: list[str] = []
    for value in used.tolist():
        names = []
        rest = value
        for part in reversed(parts):
            rest, position = divmod(rest, len(part.levels))
            names.append(str(part.levels[position]))
        texts.append(":".join(reversed(names)))
    return Factor(":".join(columns), compact, pd.Index(texts, dtype=object))


def _as_grouping(name: str, frame: pd.DataFrame) -> Factor:
    """A grouping column as a factor: numbers by value, text by code point."""
    variable = evaluate_variable(Name(name), frame)
    if isinstance(variable, Factor):
        return variable
    values = variable.columns[0]
    steps = np.diff(values)
    if len(values) and bool((steps >= 0).all()):  # sorted already, and no NaN: no hashing needed
        first = np.concatenate(([True], steps > 0))
        return Factor(name, np.cumsum(first) - 1, pd.Index(values[first]))
    return as_factor(variable, name) if len(values) < 10_000 else _hashed(name, values)


def _hashed(name: str, values: Vector) -> Factor:
    """Codes of many unsorted numbers; the levels stay numbers, nobody reads 100,000 texts."""
    codes, levels = pd.factorize(values, sort=True)
    return Factor(name, codes, pd.Index(levels))


def _drop_unused(factor: Factor) -> Factor:
    """Renumber the codes over the levels present."""
    sizes = np.bincount(factor.codes, minlength=len(factor.levels))
    if sizes.all():
        return factor
    used = sizes > 0
    rank = np.cumsum(used) - 1
    return Factor(factor.label, rank[factor.codes], factor.levels[used])


def _grouping(label: str, factor: Factor) -> Grouping:
    """Check a grouping factor as ``lmer`` does and count its levels."""
    codes, levels = factor.codes, factor.levels
    sizes = np.bincount(codes, minlength=len(levels))
    if not sizes.all():
        used = sizes > 0
        codes = (np.cumsum(used) - 1)[codes]
        levels, sizes = levels[used], sizes[used]
    if len(sizes) < 2:
        raise ModelError(
            f"grouping factor `{label}` has one level in the rows used (`{levels[0]}`); "
            f"remove its random term, or check the column and the analysis set"
        )
    return Grouping(label, codes, sizes, levels)


def _check_finite(label: str, node: Node, columns: tuple[Vector, ...]) -> None:
    """Refuse infinities, which no omission rule covers."""
    for column in columns:
        if np.isfinite(np.add.reduce(column)):
            continue
        infinite = ~np.isfinite(column)
        if infinite.any():
            source = "" if isinstance(node, Name) else f" (from {', '.join(names_in(node))})"
            raise ModelError(
                f"`{label}`{source} is infinite in {int(infinite.sum())} of {len(column)} rows; "
                "correct the values or declare them missing"
            )


def _made_missing(
    formula: Formula,
    frame: pd.DataFrame,
    response: str,
    y: Vector,
    variables: dict[str, Variable],
) -> tuple[str, ...]:
    """A message for each call that turned known values into missing ones (R: NaNs produced)."""
    messages = []
    evaluated: list[tuple[str, Node, Variable]] = [
        (response, formula.response, Numeric(response, (y,)))
    ]
    named = layout_of(formula).variables
    evaluated += [(label, node, variables[label]) for label, node in named]
    for label, node, variable in evaluated:
        if isinstance(node, Name) or isinstance(variable, Factor):
            continue
        known = ~np.logical_or.reduce([pd.isna(frame[name]) for name in names_in(node)])
        lost = int((np.isnan(variable.columns[0]) & known).sum())
        if lost:
            messages.append(f"`{label}` is not a number in {lost} rows with data: rows omitted")
    return tuple(messages)


def _no_complete_row(formula: Formula, frame: pd.DataFrame, evaluated: list[Variable]) -> str:
    """Say which column, or which call, empties the data."""
    for variable in evaluated:
        if isinstance(variable, Numeric) and np.isnan(variable.columns[0]).all():
            known = [name for name in formula.columns if frame[name].notna().any()]
            if variable.label not in formula.columns and known:
                return f"`{variable.label}` is not a number in any row; check its argument"
    shares = {name: int(frame[name].isna().sum()) for name in formula.columns}
    worst = max(shares, key=lambda name: shares[name])
    return (
        f"no row is complete in the model's columns ({', '.join(shares)}); "
        f"`{worst}` is missing in {shares[worst]} of {len(frame)} rows"
    )
