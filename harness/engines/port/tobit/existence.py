"""Whether a Tobit likelihood has a maximum at all, and along which coefficients it has none.

The log-likelihood is concave in v, and has a maximum unless it never falls along some direction d:
one with ``A d = 0`` in the rows that are seen, ``A d >= 0`` in those below the limit, and theta not
falling (Rockafellar 1970, *Convex Analysis*, theorem 27.1). Without a direction of the first kind
there is no more to ask; else a linear programme looks for one that is of the others, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NOTHING = 1e-9
"""A share of the largest singular value, or of the largest slope, that counts as zero."""


def check_maximum(
    A: Matrix,
    below: Bools,
    to_beta: Matrix,
    names: Sequence[str],
) -> None:
    """Refuse a model whose likelihood rises without end.

    Args:
        A: (n, p + 1) with ``z = A v``, columns of about unit size, of full rank.
        below: (n,) where the outcome is the limit.
        to_beta: (p, p) that turns the first p entries of v into coefficients over sigma.
        names: of the p coefficients.

    Raises:
        ModelError: no row is seen, the rows seen are fitted exactly, or a coefficient runs away.
    """
    if below.all():
        raise ModelError(
            f"all {len(below)} rows are below the limit: nothing tells where the outcome lies"
        )
    direction = rising_direction(A, below)
    if direction is None:
        return
    if direction[-1] > NOTHING:
        raise ModelError(
            f"the {int((~below).sum())} rows above the limit are fitted exactly: no variance is "
            "left; use fewer terms"
        )
    change = to_beta @ direction[:-1]
    size = np.abs(change)
    moved = [name for name, s in zip(names, size, strict=True) if s > NOTHING * size.max()]
    raise ModelError(
        f"no finite estimate of {', '.join(moved)}: all rows that would tell are below the limit; "
        "leave out the term, or join levels"
    )


def rising_direction(A: Matrix, below: Bools) -> Vector | None:
    """A direction (p + 1,) along which the log-likelihood never falls; None where there is none."""
    triangle = np.linalg.qr(A[~below], mode="r")
    _, size, rows = np.linalg.svd(triangle)
    rank = int((size > NOTHING * max(size.max(initial=0.0), 1.0)).sum())
    null = rows[rank:].T
    if not null.shape[1]:
        return None
    from scipy.optimize import linprog

    slopes = np.vstack([A[below] @ null, null[-1:]])
    found = linprog(
        -slopes.sum(axis=0),
        A_ub=-slopes,
        b_ub=np.zeros(len(slopes)),
        bounds=[(-1.0, 1.0)] * null.shape[1],
        method="highs",
    )
    if found.x is None or float((slopes @ found.x).sum()) <= NOTHING * len(slopes):
        return None
    direction = null @ found.x
    return np.asarray(direction / np.abs(direction).max())
