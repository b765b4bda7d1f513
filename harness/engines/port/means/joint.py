"""Joint tests of a model's terms on its marginal means: type III tests that see empty cells.

For each term the interaction contrasts of its variables' means are tested together, everything
else averaged with equal weights, covariates at one below and one above their mean; conventions as
emmeans' ``joint_tests``. Where cells are empty the test is of what can be estimated, with as many
fewer df, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.engines.port.means.contrasts import contrast_set, interaction_set
from harness.engines.port.means.emmeans import Names, listed, method_of
from harness.engines.port.means.estimability import space_of
from harness.engines.port.means.functions import LinearFunctions, positions
from harness.engines.port.means.grid import averages, reference_grid
from harness.engines.port.means.table import joint_table
from harness.engines.port.testable import Testable
from harness.errors import ModelError
from harness.language.nodes import names_in
from harness.models.spec import DfMethod


def joint_tests(
    fit: Testable,
    by: Names = None,
    at: Mapping[str, Any] | None = None,
    df: DfMethod | None = None,
) -> pd.DataFrame:
    """An F test of each term.

    Args:
        fit: any fitted model.
        by: test the other variables' terms within each combination of these.
        at: variable -> values, instead of all levels, or of the mean less and plus one.
        df: method of the degrees of freedom; by default that of the model's summary.

    Returns:
        term, columns of ``by``, num_df, den_df, f_value, p_value, df_method, note. A term of which
        nothing can be estimated has num_df 0 and no F.

    Raises:
        ModelError: an unknown variable, level or df method; no term to test.
    """
    within = listed(by)
    grid = reference_grid(fit.design, at, around=1.0)
    space = space_of(fit.design, grid.rows.names)
    method = method_of(fit, df)
    tables = []
    for term in _terms(fit, within):
        kept = tuple(name for name in grid.values if name in term)
        if any(len(grid.values[name]) < 2 for name in kept):
            continue  # held at one value: nothing to compare
        labels, full, _ = averages(grid, (*kept, *within), "equal")
        means = LinearFunctions(fit, labels, within, full, np.zeros(len(full)), space, method)
        sets = [contrast_set("consec", [str(v) for v in grid.values[name]]) for name in kept]
        names, products = interaction_set(sets)
        groups = positions(labels, within)
        coefficients = np.zeros((len(groups) * len(products), len(labels)))
        rows = []
        for k, group in enumerate(groups):
            coefficients[k * len(products) : (k + 1) * len(products), group] = products
            rows += [{name: labels[name].iloc[group[0]] for name in within}] * len(names)
        contrasts = means.combined(
            pd.DataFrame(rows, index=pd.RangeIndex(len(rows))), within, coefficients
        )
        table = joint_table(contrasts)
        table.insert(0, "term", ":".join(kept))
        tables.append(table)
    if not tables:
        raise ModelError("no term to test: the fixed effects have no variable outside `by`")
    joined = pd.concat(tables, ignore_index=True)
    if within:
        joined = pd.concat([joined.iloc[at] for at in positions(joined, within)])
    return joined.reset_index(drop=True)


def _terms(fit: Testable, within: tuple[str, ...]) -> list[frozenset[str]]:
    """The distinct sets of variables of the model's terms, less those of ``by``."""
    found: dict[frozenset[str], None] = {}
    for term in fit.design.spec.formula.terms:
        columns = {name for node in term.factors for name in names_in(node)}
        if left := frozenset(columns - set(within)):
            found.setdefault(left)
    return list(found)
