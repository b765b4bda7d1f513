"""Standard deviations and correlations of many fits at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.structure import structure_of
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def component_names(design: Design) -> tuple[str, ...]:
    """``sd(g:x)`` and ``cor(g:x,z)`` of each term, then ``sigma``: as in ``fit.varcorr``."""
    names = []
    for term in design.random:
        names += [f"sd({term.group}:{name})" for name in term.names]
        for j, first in enumerate(term.names):
            names += [f"cor({term.group}:{first},{second})" for second in term.names[j + 1 :]]
    return (*names, "sigma")


def components(design: Design, theta: Matrix, sigma: Vector) -> Matrix:
    """The components (R, k) of thetas (R, t) and residual SDs (R,).

    A correlation with an effect of zero variance is NaN.
    """
    structure = structure_of(tuple(len(term.names) for term in design.random))
    Lambda = np.zeros((len(theta), structure.q, structure.q))
    Lambda[:, structure.rows, structure.columns] = theta
    columns = []
    for span in structure.spans():
        rows = Lambda[:, span, span]
        length = np.sqrt((rows * rows).sum(axis=2))
        columns += [sigma * length[:, j] for j in range(length.shape[1])]
        for j in range(length.shape[1]):
            for i in range(j + 1, length.shape[1]):
                product = length[:, i] * length[:, j]
                inner = (rows[:, i] * rows[:, j]).sum(axis=1)
                nowhere = np.full(len(theta), np.nan)
                columns.append(np.divide(inner, product, out=nowhere, where=product > 0.0))
    return np.column_stack([*columns, sigma])


def diagonal_of(design: Design) -> npt.NDArray[np.bool_]:
    """(t,) which thetas stand on Lambda's diagonal."""
    return structure_of(tuple(len(term.names) for term in design.random)).diagonal
