"""What a specification asks besides the fit, answered from the fitted model.

Means and contrasts are those of :mod:`harness.engines.port.means`, tests of terms those of
:mod:`harness.engines.port.hypotheses`; which of them are meant, and what they are called, is
:mod:`harness.models.mean_terms`'.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.engines.port.effect_unit import unit_sd
from harness.engines.port.hypotheses.linear import hypothesis_rows
from harness.engines.port.imputation.rows import imputed_rows
from harness.engines.port.observed.answers import change_sizes, group_sizes, responder_rows
from harness.engines.port.probed import (
    Probed,
    bound_rows,
    probed_effects,
    simple_slope_rows,
)
from harness.errors import HarnessError, ModelError
from harness.models.besides import FIELDS, Part
from harness.models.inference import (
    EffectSize,
    LeftOut,
    MarginalMean,
    MeanContrast,
    RobustTest,
    TermTest,
)
from harness.models.mean_terms import Cell, cell_contrasts, cells, mean_term

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.lm import LinearFit
    from harness.engines.port.means.functions import LinearFunctions
    from harness.engines.port.repeated.fit import RepeatedFit
    from harness.engines.port.tobit.fit import TobitFit
    from harness.models.besides import Besides, DesignColumn
    from harness.models.design import Design
    from harness.models.spec import DfMethod

_NAN = math.nan


def besides_of(
    fit: FittedModel | LinearFit | RepeatedFit, df: DfMethod, level: float
) -> dict[str, Any]:
    """The fields of ``Estimates`` that answer what is asked besides; none where nothing is.

    A part that cannot be answered is empty, and ``refused`` says why.

    Args:
        fit: the fitted model; its specification says what is asked.
        df: method of the degrees of freedom.
        level: of the intervals.
    """
    besides = fit.design.spec.besides
    if besides is None:
        return {}
    asked = besides

    @cache
    def means() -> tuple[LinearFunctions, dict[Cell, int]]:
        return _means(fit, asked, df)

    @cache
    def probed() -> tuple[Probed, ...]:
        return probed_effects(fit, asked, df)

    @cache
    def contrasts() -> tuple[MeanContrast, ...]:
        return _contrasts(*means(), asked, fit.design, level)

    answers: dict[Part, Callable[[], tuple[Any, ...]]] = {
        "emmeans": lambda: (_mean_rows(*means(), asked, level),),
        "contrasts": lambda: (contrasts(),),
        "anova": lambda: (_term_tests(fit, df),),
        "effect_size": lambda: (_effect_sizes(fit, asked, contrasts()),),
        "slopes": lambda: (simple_slope_rows(probed(), level),),
        "johnson_neyman": lambda: bound_rows(probed()),
        "changes": tuple,  # among the contrasts
        "d_ppc2": lambda: (change_sizes(fit.design, asked, level),),
        "hedges_g": lambda: (group_sizes(fit.design, asked, level),),
        "responders": lambda: responder_rows(fit.design, asked, level),
        "robust": lambda: (_robust_tests(_not_by_visit(fit), asked, df, level),),
        "leave_one_out": lambda: (_left_out(_not_by_visit(fit), asked, df),),
        "imputed": lambda: (imputed_rows(_not_by_visit(fit), asked, df, level),),
        "hypotheses": lambda: hypothesis_rows(fit, asked.hypotheses, df, level),
    }
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for part in besides.parts:
        try:
            given = answers[part]()
        except HarnessError as error:
            given, refused[part] = ((),) * len(FIELDS[part]), str(error)
        found |= zip(FIELDS[part], given, strict=True)
    if refused:
        found["refused"] = refused
    return found


def _not_by_visit(fit: FittedModel | LinearFit | RepeatedFit) -> FittedModel | LinearFit:
    """The fit, unless it is by visit.

    Raises:
        ModelError: it is.
    """
    from harness.engines.port.repeated.fit import RepeatedFit

    if isinstance(fit, RepeatedFit):
        raise ModelError("not available for a covariance by visit")
    return fit


def tobit_besides(fit: TobitFit, level: float) -> dict[str, Any]:
    """As :func:`besides_of`, for a Tobit model: only hypotheses are answered."""
    besides = fit.design.spec.besides
    if besides is None:
        return {}
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for part in besides.parts:
        given: tuple[Any, ...] = ((),) * len(FIELDS[part])
        try:
            if part != "hypotheses":
                raise ModelError(f"{part} of a Tobit model is not available")
            given = hypothesis_rows(fit, besides.hypotheses, "z", level)
        except HarnessError as error:
            refused[part] = str(error)
        found |= zip(FIELDS[part], given, strict=True)
    return {**found, "refused": refused} if refused else found


def _means(
    fit: FittedModel | LinearFit | RepeatedFit, besides: Besides, df: DfMethod
) -> tuple[LinearFunctions, dict[Cell, int]]:
    """The means as linear functions, and the row of each cell whose levels occur."""
    from harness.engines.port.means.emmeans import marginal_means

    columns = besides.design
    at = {
        column.column: column.numbers
        for column in columns
        if column.numbers is not None and _is_number(fit.design, column)
    }
    names = tuple(column.column for column in columns)
    means = marginal_means(fit, names, at=at, weights=besides.weights, df=df)
    known = [_positions(column) for column in columns]
    place: dict[Cell, int] = {}
    for row, values in enumerate(means.grid[list(names)].itertuples(index=False, name=None)):
        levels = [each[v] for each, v in zip(known, values, strict=True) if v in each]
        if len(levels) == len(columns):
            arm = levels[0] if besides.arm is not None else 0
            place[arm, levels[-1] if besides.time is not None else 0] = row
    return means.functions, place


def _is_number(design: Design, column: DesignColumn) -> bool:
    """Whether a column is a number in the fixed effects, and no factor, if only by a call."""
    from harness.models.variables import Factor

    return not any(isinstance(v, Factor) for v in design.fixed_variables(column.column))


def _positions(column: DesignColumn) -> dict[Any, int]:
    """Position of a level by its text and, where levels are numbers, by its value."""
    found: dict[Any, int] = {level: k for k, level in enumerate(column.levels)}
    return found | {value: k for k, value in enumerate(column.numbers or ())}


def _mean_rows(
    functions: LinearFunctions, place: dict[Cell, int], besides: Besides, level: float
) -> tuple[MarginalMean, ...]:
    from harness.engines.port.means.table import inferred

    table = inferred(functions, "none", level)
    columns = [table[name].tolist() for name in _MEAN]
    rows = []
    for cell in cells(besides):
        at = place.get(cell)
        numbers = [_NAN if at is None else column[at] for column in columns]
        rows.append(MarginalMean(mean_term(besides, cell), *numbers))
    return tuple(rows)


_MEAN = ("estimate", "std_error", "df", "conf_low", "conf_high")
_CONTRAST = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


def _contrasts(
    functions: LinearFunctions,
    place: dict[Cell, int],
    besides: Besides,
    design: Design,
    level: float,
) -> tuple[MeanContrast, ...]:
    import pandas as pd

    from harness.engines.port.means.table import inferred

    asked = cell_contrasts(besides, design.spec.formula)
    complete = [one for one in asked if all(cell in place for cell in one.signs)]
    coefficients = np.zeros((len(complete), len(functions.full)))
    for row, one in enumerate(complete):
        for cell, sign in one.signs.items():
            coefficients[row, place[cell]] = sign
    labels = pd.DataFrame({"contrast": [one.term for one in complete]})
    table = inferred(functions.combined(labels, (), coefficients), "none", level)
    numbers = zip(*(table[name].tolist() for name in _CONTRAST), strict=True)
    by_term = dict(zip((one.term for one in complete), numbers, strict=True))
    nothing = (_NAN,) * len(_CONTRAST)
    return tuple(MeanContrast(one.term, *by_term.get(one.term, nothing)) for one in asked)


def _term_tests(fit: FittedModel | LinearFit | RepeatedFit, df: DfMethod) -> tuple[TermTest, ...]:
    from harness.engines.port.hypotheses.anova import TESTS, anova_table

    table = anova_table(fit, 3, df, None)
    numbers = zip(*(table[name].astype(float).tolist() for name in TESTS), strict=True)
    return tuple(
        TermTest(f"anova({term})", *row) for term, row in zip(table["term"], numbers, strict=True)
    )


def _robust_tests(
    fit: FittedModel | LinearFit, besides: Besides, df: DfMethod, level: float
) -> tuple[RobustTest, ...]:
    from harness.engines.port.robust.table import robust_rows

    return robust_rows(fit, besides.robust, df, level) if besides.robust is not None else ()


def _left_out(fit: FittedModel | LinearFit, besides: Besides, df: DfMethod) -> tuple[LeftOut, ...]:
    from harness.engines.port.left_out import left_out_rows

    return left_out_rows(fit, besides.leave_one_out, df) if besides.leave_one_out else ()


def _effect_sizes(
    fit: FittedModel | LinearFit | RepeatedFit,
    besides: Besides,
    contrasts: tuple[MeanContrast, ...],
) -> tuple[EffectSize, ...]:
    sd = unit_sd(fit, besides.unit)
    within = {one.term for one in cell_contrasts(besides, fit.design.spec.formula) if one.within}
    return tuple(
        EffectSize(row.term, row.contrast / sd, row.conf_low / sd, row.conf_high / sd, sd)
        for row in contrasts
        if row.term not in within
    )
