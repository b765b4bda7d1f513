"""Variance components on the scale of the outcome, under the names of the diff table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.engines.port.structure import Structure
from harness.models.design import RandomDesign
from harness.models.record import RandomEffect

Matrix = npt.NDArray[np.float64]


def random_effects_table(
    random: Sequence[RandomDesign], structure: Structure, Lambda: Matrix, sigma: float
) -> tuple[RandomEffect, ...]:
    """Standard deviations and correlations of each term, then sigma.

    Args:
        random: the terms.
        structure: which rows of Lambda belong to which term.
        Lambda: (q, q) relative covariance factor on the scale of the data's own columns.
        sigma: residual standard deviation.

    Returns:
        ``sd(g:x)`` of each effect and then ``cor(g:x,z)`` by columns, term after term; a
        correlation with an effect of zero variance is NaN.
    """
    rows: list[RandomEffect] = []
    for term, span in zip(random, structure.spans(), strict=True):
        block = Lambda[span, span]
        lengths = np.sqrt((block * block).sum(axis=1)).tolist()
        rows += [
            RandomEffect(f"sd({term.group}:{name})", sigma * length)
            for name, length in zip(term.names, lengths, strict=True)
        ]
        for j, first in enumerate(term.names):
            for i in range(j + 1, len(term.names)):
                product = lengths[i] * lengths[j]
                cosine = float(block[i] @ block[j]) / product if product > 0.0 else float("nan")
                rows.append(RandomEffect(f"cor({term.group}:{first},{term.names[i]})", cosine))
    rows.append(RandomEffect("sigma", sigma))
    return tuple(rows)
