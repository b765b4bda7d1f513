"""Which columns a term has: R's rule for contrasts, R's column order, R's names.

A factor enters a term by contrasts (treatment coding: one column for each level but the first;
others: :mod:`harness.models.contrasts`)
if the term without that factor is covered by the intercept or by an earlier term, and by one
column for each level otherwise. Without an intercept the first factor of the first term that
has one takes all its levels. The columns of an interaction are products, the first variable
varying fastest.

Reference: Chambers & Hastie (1992), *Statistical Models in S*, section 2.4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness.errors import ModelError
from harness.models.contrasts import coded
from harness.models.variables import Factor, Variable, Vector, level_text

MAX_LEVELS = 1000
"""Most levels of a factor in the fixed effects; beyond it the column is an id or a number."""

Made = dict[tuple[str, bool], tuple[list[str], list[Vector]]]
"""Columns of variables coded so far, by label and coding."""


@dataclass(frozen=True, slots=True)
class TermCode:
    """How one term is coded.

    Attributes:
        labels: R's names of its variables, in order.
        full: for each variable, whether a factor takes one column for every level.
    """

    labels: tuple[str, ...]
    full: tuple[bool, ...]


@lru_cache(maxsize=4096)
def term_codes(
    terms: tuple[tuple[str, ...], ...], intercept: bool, factors: frozenset[str]
) -> tuple[TermCode, ...]:
    """R's coding of each term, given which variables are factors.

    Args:
        terms: the names of each term's variables, terms in R's order (by degree, then by
            appearance).
        intercept: whether the model has one.
        factors: labels of the variables that are categorical.
    """
    codes: list[TermCode] = []
    pending = not intercept
    for position, labels in enumerate(terms):
        earlier = [frozenset(other) for other in terms[:position]]
        full: list[bool] = []
        for label in labels:
            margin = frozenset(labels) - {label}
            covered = not margin or any(margin <= other for other in earlier)
            takes_all = label in factors and not covered
            if pending and label in factors:
                takes_all, pending = True, False
            full.append(takes_all)
        codes.append(TermCode(labels, tuple(full)))
    return tuple(codes)


def variable_columns(variable: Variable, full: bool) -> tuple[list[str], list[Vector]]:
    """Names and columns of one variable: itself, or those of a factor's levels.

    Raises:
        ModelError: a factor with one level, or with more than ``MAX_LEVELS``, or a coding that
            does not fit its levels.
    """
    if not isinstance(variable, Factor):
        return [variable.label + s for s in variable.suffixes], list(variable.columns)
    n_levels = len(variable.levels)
    if n_levels < 2:
        raise ModelError(
            f"factor `{variable.label}` has one level in the rows used "
            f"(`{level_text(variable.levels[0])}`); leave it out of the fixed effects, "
            "or check the analysis set"
        )
    if n_levels > MAX_LEVELS:
        raise ModelError(
            f"factor `{variable.label}` has {n_levels} levels as a fixed effect (at most "
            f"{MAX_LEVELS}); declare it as a number, or make it a grouping factor: "
            f"(1 | {variable.label})"
        )
    codes = variable.codes
    if not full and variable.coding != "treatment":
        levels = [level_text(level) for level in variable.levels]
        suffixes, matrix = coded(variable.coding, variable.label, levels)
        return [variable.label + s for s in suffixes], list(np.asfortranarray(matrix[codes]).T)
    kept = range(0 if full else 1, n_levels)
    names = [f"{variable.label}{level_text(variable.levels[k])}" for k in kept]
    return names, [(codes == k).astype(np.float64) for k in kept]


def term_columns(
    code: TermCode, variables: dict[str, Variable], made: Made
) -> tuple[list[str], list[Vector]]:
    """Names and columns of one term.

    Args:
        code: how its variables are coded.
        variables: of the model frame.
        made: columns of the variables coded so far, filled here so that each is made once.
    """
    names: list[str] = []
    columns: list[Vector] = []
    for label, full in zip(code.labels, code.full, strict=True):
        coded = made.get((label, full))
        if coded is None:
            coded = made[label, full] = variable_columns(variables[label], full)
        more_names, more = coded
        if not columns:
            names, columns = list(more_names), list(more)
            continue
        names = [f"{a}:{b}" for b in more_names for a in names]
        columns = [a * b for b in more for a in columns]
    return names, columns
