"""The model frame: a formula's variables on the rows that are complete, as R's ``model.frame``.

Every variable is evaluated on all rows first and incomplete rows are omitted afterwards, in this
order, because ``scale(x)`` must see the rows R lets it see. Levels no row uses are dropped last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, ModelError
from harness.language.formula import Formula, Term
from harness.language.nodes import Node, deparse, quote_name
from harness.models.contrasts import Coding
from harness.models.group_codes import grouping_codes
from harness.models.missing import LARGEST, check_finite, made_missing, no_complete_row, vanished
from harness.models.read_only import read_only
from harness.models.rowwise import (
    censoring,
    check_offset,
    check_weights,
    prior_weights,
    total_offset,
)
from harness.models.spec import ModelSpec
from harness.models.variables import (
    Factor,
    Numeric,
    Variable,
    Vector,
    evaluate_variable,
    level_text,
)

HEAD = 4096
"""Rows in which a factor of the model usually shows all its levels."""


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
        data: the data given, all rows and columns; not copied.
        n_rows: rows of the data given.
        omitted: positions (0-based, ascending) of the rows omitted as incomplete.
        response: R's name of the response.
        y: (n,) response on the rows used.
        variables: each variable of the fixed and random terms under R's name, factors with
            present levels only.
        groupings: the distinct grouping factors, in order of appearance (a design's: lme4's).
        messages: what R would warn of (values that became missing by a transformation).
        weights: (n,) prior weights on the rows used, or None.
        offset: (n,) offset on the rows used, or None.
        censored: (n,) 1 in censored rows and 0 in others, or None.
    """

    data: pd.DataFrame
    n_rows: int
    omitted: npt.NDArray[np.intp]
    response: str
    y: Vector
    variables: dict[str, Variable]
    groupings: tuple[Grouping, ...]
    messages: tuple[str, ...]
    weights: Vector | None = None
    offset: Vector | None = None
    censored: Vector | None = None

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
        spec: the model.
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
    groups = {label: grouping_codes(columns, frame) for label, columns in layout.groups}
    weights = prior_weights(spec, frame) if spec.weights else None
    offset = total_offset(spec, frame) if spec.offset or formula.offsets else None
    censored = censoring(spec, frame) if spec.censored else None

    present: npt.NDArray[np.bool_] | None = None
    y = outcome.columns[0]
    vectors = [y]
    for variable in variables.values():
        if isinstance(variable, Numeric):
            vectors.extend(variable.columns)
    if weights is not None:
        vectors.append(weights)
    if offset is not None:
        vectors.append(offset)
    if censored is not None:
        vectors.append(censored)
    finite = True
    for vector in vectors:
        # A moderate sum proves every entry finite in one pass; only otherwise look closer.
        with np.errstate(over="ignore", invalid="ignore"):
            total = abs(float(np.add.reduce(vector)))
        if not total < LARGEST:
            finite = False
            present = _and(present, ~np.isnan(vector))
    factors = [v.codes for v in variables.values() if isinstance(v, Factor)]
    for codes in (*factors, *(f.codes for f in groups.values())):
        if codes.min() < 0:
            present = _and(present, codes >= 0)

    messages: tuple[str, ...] = ()
    evaluated: list[Variable] = [outcome, *variables.values()]
    omitted = np.empty(0, dtype=np.intp)
    if present is not None and not present.all():
        named = ((response, formula.response), *layout.variables)
        messages = made_missing(named, frame, {response: outcome, **variables})
        omitted = np.flatnonzero(~present)
        y = y[present]
        variables = {k: _select(v, present) for k, v in variables.items()}
        kept = {k: Factor(f.label, f.codes[present], f.levels) for k, f in groups.items()}
        messages += tuple(said for k in kept for said in vanished(groups[k], kept[k]))
        groups = kept
        weights = None if weights is None else weights[present]
        offset = None if offset is None else offset[present]
        censored = None if censored is None else censored[present]
        if not len(y):
            raise DataError(no_complete_row(spec.columns, frame, evaluated))
    if not finite:
        check_finite(response, formula.response, (y,))
    for label, node in layout.variables:
        variable = variables[label]
        if isinstance(variable, Numeric):
            if not finite:
                check_finite(label, node, variable.columns)
        else:
            variables[label] = _drop_unused(variable)
    for column, coding in spec.contrasts:
        label = quote_name(column)
        variables[label] = _recoded(column, variables.get(label), coding)
    if weights is not None:
        check_weights(spec, weights)
    if offset is not None:
        check_offset(spec, offset)
    free = y if offset is None else y - offset
    if free[0] == free[-1] and (free == free[0]).all():
        raise ModelError(
            f"outcome `{response}`{'' if offset is None else ' less its offset'} is constant "
            f"({free[0]:g} in all {len(y)} rows used); "
            "there is nothing to model, check the column and the analysis set"
        )
    groupings = tuple(_grouping(label, factor) for label, factor in groups.items())
    data = frame.copy(deep=False)  # what is assigned to the caller's frame later stays outside
    return ModelFrame(
        *(data, len(frame), omitted, response, read_only(y), variables, groupings, messages),
        None if weights is None else read_only(weights),
        None if offset is None else read_only(offset),
        None if censored is None else read_only(censored),
    )


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


def _drop_unused(factor: Factor) -> Factor:
    """Renumber the codes over the levels present."""
    levels = len(factor.levels)
    if np.bincount(factor.codes[:HEAD], minlength=levels).all():  # most often no need to go on
        return factor
    sizes = np.bincount(factor.codes, minlength=levels)
    if sizes.all():
        return factor
    used = sizes > 0
    rank = np.cumsum(used) - 1
    return Factor(factor.label, rank[factor.codes], factor.levels[used])


def _recoded(column: str, variable: Variable | None, coding: Coding) -> Factor:
    """A factor with the coding asked for its column.

    Raises:
        ModelError: the column is no factor of the model's terms.
    """
    if isinstance(variable, Factor):
        return replace(variable, coding=coding)
    what = "not in the model's terms" if variable is None else "a number"
    remedy = "leave its contrasts out" if variable is None else "declare it as a factor first"
    raise ModelError(f"contrasts for `{column}`: the column is {what}; {remedy}")


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
            f"grouping factor `{label}` has one level in the rows used "
            f"(`{level_text(levels[0])}`); remove its random term, or check the column and the "
            "analysis set"
        )
    return Grouping(label, codes, sizes, levels)
