"""The hypothesis each term of a model stands for: types I, II and III.

All are rows of contrasts of the coefficients, whatever their covariance; the types weigh cells by
the numbers of rows, not by the random effects, as SAS ``proc mixed`` and lmerTest do.

* **I**: what a term adds to those before it. Rows of the factor of X'X, scaled to a unit
  diagonal (Doolittle's).
* **II**: what a term adds to all that do not contain it. The same with X in another order.
* **III**: the estimable hypotheses on the term's effects and on effects that contain it, with what
  concerns the latter alone projected out. Where every cell has rows, that is equality of unweighted
  marginal means; it hangs neither on the coding nor on the numbers of rows.

A term contains another if it has the same numeric variables and the other's factors among its own.

Goodnight (1978), *Tests of hypotheses in fixed effects linear models*, SAS Technical Report R-101,
and (1980), Commun. Stat. A 9(2), 167-180.

Rows that say the same can be combined, and Kenward-Roger's test or F does not change; the df by
Fai & Cornelius do, in the third digit. The rows are therefore chosen as lmerTest prints them
(``show_tests``): unit triangular for type I and for contained terms in type II; else reduced, with
the identity at the term's own columns by treatment coding.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.engines.port.hypotheses.effects import Effects, independent, triangle
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

AnovaType = Literal[1, 2, 3]


def term_contrasts(effects: Effects, kind: AnovaType) -> list[Matrix]:
    """The contrasts (l, p) of each term; no rows for a term the data do not tell from others.

    Args:
        effects: the terms.
        kind: 1, 2 or 3.

    Raises:
        ModelError: another type.
    """
    if kind not in (1, 2, 3):
        raise ModelError(f"no type {kind!r} of tests; ask for type 1, 2 or 3")
    numbers = range(1, len(effects.terms) + 1)
    if kind == 1 or len(effects.terms) == 1:
        everything = np.arange(len(effects.assign))
        rows = _sequential(effects.R @ effects.B, everything)
        return [rows[effects.assign == k] for k in numbers]
    one = _second if kind == 2 else _third
    return [one(effects, k) for k in numbers]


def _sequential(X: Matrix, order: Index) -> Matrix:
    """Row j (p, p): the contrast of what column j adds to the columns before it in an order."""
    factor = triangle(X[:, order])
    rows = np.zeros((len(order), X.shape[1]))
    rows[np.ix_(order, order)] = factor / factor.diagonal()[:, None] + 0.0  # no -0
    return rows


def _second(effects: Effects, k: int) -> Matrix:
    """Type II contrasts of a term."""
    beside = np.isin(effects.assign, effects.outside(k))
    own = effects.assign == k
    others = np.isin(effects.owner, effects.outside(k))
    free = _rank(effects.R[:, others | (effects.owner == k)]) - _rank(effects.R[:, others])
    if beside.sum() == _rank(effects.R[:, others]) and own.sum() == free:
        if not effects.containing(k):
            return np.asarray(np.eye(len(own))[own])
        containing = ~beside & ~own
        order = np.concatenate([np.flatnonzero(part) for part in (beside, own, containing)])
        return np.asarray(_sequential(effects.R @ effects.B, order)[own])
    # Columns were dropped, or there is no intercept: what a coding leaves of a term is arbitrary.
    E = _less(effects.R[:, effects.owner == k], effects.R[:, others])
    _, _, V = np.linalg.svd(E @ E.T @ effects.R)
    return _reduced(effects, V[:free])


def _third(effects: Effects, k: int) -> Matrix:
    """Type III contrasts of a term."""
    own = np.flatnonzero(effects.owner == k)
    within = np.flatnonzero(np.isin(effects.owner, effects.containing(k)))
    others = np.isin(effects.owner, effects.outside(k))
    outside = effects.R[:, others]
    columns = np.concatenate([own, within])
    rank = _rank(outside)
    estimable = _rank(effects.R) - rank
    free = _rank(np.hstack([outside, effects.R[:, own]])) - rank
    # Rows without effects outside: those of what is left of the columns beside the others.
    _, _, V = np.linalg.svd(_less(effects.R[:, columns], outside), full_matrices=False)
    rows = V[:estimable]
    # Combinations that have no effects of the term itself are the last left singular vectors.
    U, _, _ = np.linalg.svd(rows[:, : len(own)])
    full = np.zeros((free, len(effects.owner)))
    full[:, columns] = U[:, :free].T @ rows
    return _reduced(effects, full)


def _reduced(effects: Effects, rows: Matrix) -> Matrix:
    """Hypotheses (l, m) on the effects as contrasts (l, p), reduced on the treatment coding."""
    if not len(rows):
        return np.zeros((0, effects.B.shape[1]))
    coded = rows[:, effects.treatment]
    pivots = independent(coded)[: len(rows)]
    return np.asarray(np.linalg.solve(coded[:, pivots], rows @ effects.B))


def _rank(columns: Matrix) -> int:
    return len(independent(columns))


def _less(columns: Matrix, others: Matrix) -> Matrix:
    """What others leave of columns."""
    Q, _ = np.linalg.qr(others[:, independent(others)])
    left = columns - Q @ (Q.T @ columns)
    return np.asarray(left - Q @ (Q.T @ left))
