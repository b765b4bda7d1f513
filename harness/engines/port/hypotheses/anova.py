"""Tables of tests, one row a term: types I, II and III by every df method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.engines.port.ftest import FTest
from harness.engines.port.hypotheses.contrasts import AnovaType, term_contrasts
from harness.engines.port.hypotheses.effects import effects_of
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    from harness.engines.port.testable import Testable

NOTHING = FTest(0, math.nan, 1.0, math.nan, math.nan)
"""The test of a term that the data do not tell from the others."""

TESTS = ("num_df", "den_df", "f_value", "p_value")


def anova_table(
    fit: Testable, kind: AnovaType, method: DfMethod, sigma: float | None
) -> pd.DataFrame:
    """Test every term of a model.

    Args:
        fit: the model.
        kind: type of the hypotheses: see :mod:`harness.engines.port.hypotheses.contrasts`.
        method: denominator df; Kenward-Roger also scales F; ``z`` is a chi-square test, on
            infinite df.
        sigma: residual standard deviation, where there is one.

    Returns:
        Columns term, with sigma also sum_sq and mean_sq, and then ``TESTS``. ``mean_sq`` is F
        (before Kenward-Roger's scale) times sigma squared, ``sum_sq`` that times ``num_df``: as
        lmerTest prints, and in a linear model the sums of squares. A term that others determine
        has no df and no test.

    Raises:
        ModelError: an unknown type or method; Kenward-Roger for a fit by ML.
    """
    terms = fit.design.terms
    contrasts = term_contrasts(effects_of(fit.design), kind) if terms else []
    tests = [fit.f_test(L, method) if len(L) else NOTHING for L in contrasts]
    table = pd.DataFrame({"term": list(terms)})
    if sigma is not None:
        mean_sq = np.array([test.f_value / test.scale for test in tests]) * sigma**2
        table["sum_sq"] = mean_sq * [test.num_df for test in tests]
        table["mean_sq"] = mean_sq
    for column in TESTS:
        table[column] = [getattr(test, column) for test in tests]
    return table


def single_deletions(fit: Testable, method: DfMethod, sigma: float | None) -> pd.DataFrame:
    """Test what each term adds to all others, for terms that no other term is an interaction of.

    Arguments, columns and errors as for :func:`anova_table`.
    """
    variables = [set(code.labels) for code in fit.design.codes]
    free = [not any(own < other for other in variables) for own in variables]
    # Nothing contains such a term, so type II compares it with all others.
    table = anova_table(fit, 2, method, sigma)
    return table[free].reset_index(drop=True)
