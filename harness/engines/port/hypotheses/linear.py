"""Hypotheses on sums of coefficients: one sum by t with its interval, several together by F."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.wald import wald_table
from harness.errors import ModelError
from harness.models.inference import MeanContrast, TermTest

if TYPE_CHECKING:
    from harness.engines.port.testable import Testable
    from harness.models.hypothesis import Hypothesis
    from harness.models.spec import DfMethod

Matrix = npt.NDArray[np.float64]


def hypothesis_rows(
    fit: Testable, asked: Sequence[Hypothesis], df: DfMethod, level: float
) -> tuple[tuple[MeanContrast, ...], tuple[TermTest, ...]]:
    """Tests of hypotheses ``L beta = equals``, those of one row and those of several.

    One row is a t test of ``L beta - equals`` over its standard error, with the interval of
    ``L beta`` itself. Several rows are one F test. Both on the degrees of freedom of ``df``, with
    Kenward-Roger's covariance and scale where that is the method (Kuznetsova, Brockhoff &
    Christensen 2017, J. Stat. Softw. 82(13), section 2; Kenward & Roger 1997).

    Args:
        fit: the fitted model.
        asked: the hypotheses.
        df: method of the degrees of freedom.
        level: of the intervals.

    Raises:
        ModelError: a coefficient the model has not, factors that are all zero, rows that are not
            linearly independent.
    """
    single: list[MeanContrast] = []
    joint: list[TermTest] = []
    for one in asked:
        rows = contrasts_of(one, fit.names)
        equals = np.array(one.equals)
        if len(rows) == 1:
            single.append(_sum_test(fit, one.term, rows, float(equals[0]), df, level))
            continue
        test = fit.f_test(rows, df, equals)
        joint.append(TermTest(one.term, test.num_df, test.den_df, test.f_value, test.p_value))
    return tuple(single), tuple(joint)


def contrasts_of(hypothesis: Hypothesis, names: Sequence[str]) -> Matrix:
    """The rows (l, p) of a hypothesis on coefficients called ``names``.

    Raises:
        ModelError: as :func:`hypothesis_rows`; the message lists the names there are.
    """
    place = {name: k for k, name in enumerate(names)}
    rows = np.zeros((len(hypothesis.rows), len(names)))
    for at, row in enumerate(hypothesis.rows):
        for name, factor in row:
            if name not in place:
                there = ", ".join(names)
                raise ModelError(f"{hypothesis.term}: no coefficient `{name}`; there are {there}")
            rows[at, place[name]] = factor
        if not rows[at].any():
            raise ModelError(f"{hypothesis.term}: every factor is 0")
    return rows


def _sum_test(
    fit: Testable, term: str, row: Matrix, equals: float, df: DfMethod, level: float
) -> MeanContrast:
    estimate = row @ fit.beta
    std_error = np.sqrt(np.einsum("ij,jk,ik->i", row, fit.covariance(df), row))
    table = wald_table(estimate - equals, std_error, fit.contrast_df(row, df), level)
    ((shifted, error, freedom, statistic, p_value, low, high),) = table.rows()
    return MeanContrast(
        *(term, float(estimate[0]), error, freedom, statistic, p_value),
        *(float(estimate[0]) + (low - shifted), float(estimate[0]) + (high - shifted)),
    )
