"""What a repeated-measures fit shows: the covariance under visits' names, the search's record."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.optimum import Optimum
from harness.engines.port.repeated.likelihood import RepeatedCriterion
from harness.engines.port.repeated.patterns import Occasions
from harness.engines.port.repeated.search import RepeatedSearch
from harness.language.nodes import quote_name
from harness.models.record import RandomEffect

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def by_visit(values: Matrix, seen: Occasions) -> pd.DataFrame:
    """A (V, V) matrix under the visits' names."""
    index = pd.Index(list(seen.visits), name=seen.visit)
    return pd.DataFrame(values, index=index, columns=index)


def named_by_visit(R: Matrix, seen: Occasions) -> tuple[RandomEffect, ...]:
    """``sd(id:week=4)`` and ``cor(id:week=4,week=8)``: no random effect has such a name."""
    sd = np.sqrt(R.diagonal())
    subject = quote_name(seen.subject)
    names = [f"{seen.visit}={level}" for level in seen.visits]
    rows = [
        RandomEffect(f"sd({subject}:{name})", float(value))
        for name, value in zip(names, sd, strict=True)
    ]
    for b, second in enumerate(names):
        for a in range(b + 1, len(names)):
            correlation = float(R[a, b] / (sd[a] * sd[b]))
            rows.append(RandomEffect(f"cor({subject}:{second},{names[a]})", correlation))
    return tuple(rows)


def search_record(criterion: RepeatedCriterion, search: RepeatedSearch) -> Optimum:
    """The search in the units of the data: standard deviations, then correlations."""
    data, structure = criterion.data, criterion.structure
    unit = abs(float(data.F[-1, -1]))
    t = structure.parameters
    sds = structure.deviations

    def outside(phi: Vector) -> tuple[float, ...]:
        natural = structure.natural(phi)
        natural[:sds] *= unit
        return tuple(natural[:t].tolist())

    at = search.at
    return Optimum(
        start=outside(search.start),
        end=outside(at.phi),
        criterion=at.value,
        gradient_norm=float(np.abs(at.gradient).max()) / max(1.0, abs(at.value)),
        evaluations=search.evaluations,
        starts=search.starts,
        rivals=search.rivals,
        converged=search.converged,
        boundary=search.singular,
        kkt=0.0,
        options=search.options,
        message=search.message,
        trace=tuple((outside(phi), value) for phi, value in search.path),
    )
