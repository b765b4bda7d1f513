"""Kenward-Roger's sums for a model with several grouping factors.

The method is that of :mod:`harness.engines.port.kenward_roger`; here a G_r is ``Z E_r Z'`` with
the same symmetric E_r for every group of one factor, and ``N = Z'V^-1 Z`` couples all groups of all
factors. With ``D = Z'V^-1 X``,

    -P_r = D'E_r D,    Q_rs = D'E_r N E_s D,    tr(V^-1 G_r V^-1 G_s) = tr(N E_r N E_s):

the products that the Hessian of the criterion is made of (:mod:`harness.engines.port.blocked`,
:mod:`harness.engines.port.curvature`), taken for E_r in the place of the derivatives of the
covariance. N itself is never formed, nor any matrix with a row for each observation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.engines.port.blocked import BlockedProblem, by_direction, pulls, solved
from harness.engines.port.criterion import Evaluation
from harness.engines.port.curvature import trace_products
from harness.engines.port.kenward_roger import (
    KenwardRoger,
    Unadjusted,
    adjusted,
    symmetric_units,
    unit_information,
)
from harness.engines.port.kenward_roger_large import by_rows_pays, row_sums
from harness.engines.port.solution import Solution
from harness.engines.port.state import beside
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]


def kenward_roger_blocked(
    at: BlockedProblem, evaluation: Evaluation, solution: Solution
) -> KenwardRoger:
    """Kenward-Roger's quantities at an optimum; arguments and errors as for one factor.

    Raises:
        ModelError: the fit is not by REML.
    """
    if not at.reml:
        raise ModelError("Kenward-Roger needs a REML fit; this one is asked by ML")
    data = at.data
    p = data.p
    Lambda = data.structure.Lambda(evaluation.theta)
    if by_rows_pays(data, Lambda):
        sums, rows = row_sums(data, Lambda, evaluation.Rho_inverse[:p, :p])
        better = replace(solution, half=solution.half @ rows.turn)
        return adjusted(sums, at.d, better, rows.squares)
    found = solved(at, evaluation.theta)
    state, D = found.state, found.D
    change = unit_information(data.structure, found.traces)
    units = symmetric_units(data.structure)
    E = change @ units @ change.T
    # The columns of X in the basis in which Phi = I; what D says of y is not needed.
    root = np.zeros((p + 1, p))
    root[:p] = evaluation.Rho_inverse[:p, :p]
    own = (D[0] @ root, D[1] @ root)
    identity = np.eye(p)
    traces = trace_products(state, E)

    def squares(directions: Matrix) -> Matrix:
        """``sum_k D'E_k N E_k D`` (p, p) over E_k (k, q, q)."""
        total = np.zeros((p, p))
        for E_k in directions:
            parts = [
                E_k[np.ix_(f.members, f.members)] @ part
                for f, part in zip(data.factors, beside(data.factors, own), strict=True)
            ]
            rest = [part.reshape(-1, p) for part in parts[1:]]
            x = parts[0], np.concatenate(rest)
            y = state.times(*x)
            for a, b in zip(x, y, strict=True):
                total += a.reshape(-1, p).T @ b.reshape(-1, p)
        return total

    return adjusted(
        Unadjusted(
            P=by_direction(data.factors, beside(data.factors, own), identity, E),
            E=E,
            trace=np.einsum("ab,rab->r", found.traces, E),
            information=traces - 2.0 * pulls(state, own, identity, E),
            whole=float(traces.diagonal().max()),
        ),
        at.d,
        solution,
        squares,
    )
