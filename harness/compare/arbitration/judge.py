"""Both solutions scored by the marginal likelihood at their own variance components."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.compare.arbitration.marginal import Array, Marginal, marginal, work
from harness.compare.components import triangle
from harness.errors import HarnessError
from harness.models.design import Design, build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

DIGITS = 30
"""Decimal digits, where they can be afforded."""

AFFORDABLE = 3_000_000
"""Multiplications up to which they can: some seconds."""

DENSE = 20_000_000_000
"""Multiplications of doubles up to which there is a judgement at all: some seconds."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the likelihood has at each side's variance components, which fix all that is judged.

    Attributes:
        names: the coefficients, in the order of ``beta`` and ``std_error``.
        python: at those of the table's ``python`` column; None where it gives none.
        r: at those of the column ``r``.
    """

    names: tuple[str, ...]
    python: Marginal | None
    r: Marginal | None


def judge(spec: ModelSpec, frame: pd.DataFrame, python: Estimates, r: Estimates) -> Judgement:
    """Score two answers to one model.

    Args:
        spec: the model asked of both.
        frame: its rows.
        python: the answer in the table's ``python`` column.
        r: the answer in the column ``r``.

    Returns:
        Judgements; None for a side without variance components, with components that are no
        covariance, or where the covariance matrices of the data are too large.
    """
    try:
        design = build_design(spec, frame)
    except HarnessError:
        return Judgement((), None, None)
    return Judgement(design.names, _scored(design, python), _scored(design, r))


def _scored(design: Design, side: Estimates) -> Marginal | None:
    factors = relative_factors(design, side)
    sigma = next((part.estimate for part in side.random if part.term == "sigma"), math.nan)
    effort = work(design)
    if factors is None or not 0.0 < sigma < math.inf or effort > DENSE:
        return None
    try:
        return marginal(design, factors, sigma, DIGITS if effort <= AFFORDABLE else 0)
    except (np.linalg.LinAlgError, ZeroDivisionError, ValueError):
        return None


def relative_factors(design: Design, side: Estimates) -> list[Array] | None:
    """Lambda of each random-effects term, from theta, or where there is none from sd and cor.

    Returns:
        (q, q) lower triangular each; None if the answer does not have the design's components.
    """
    widths = [len(term.names) for term in design.random]
    if side.theta:
        if len(side.theta) != sum(q * (q + 1) // 2 for q in widths):
            return None
        return _from_theta(widths, side.theta)
    given = {part.term: part.estimate for part in side.random}
    sigma = given.get("sigma", math.nan)
    factors: list[Array] = []
    for term in design.random:
        q = len(term.names)
        sds = [given.get(f"sd({term.group}:{name})", math.nan) for name in term.names]
        R = np.eye(q)
        for i in range(q):
            for j in range(i):
                name = f"cor({term.group}:{term.names[j]},{term.names[i]})"
                R[i, j] = R[j, i] = given.get(name, math.nan) if sds[i] * sds[j] else 0.0
        scaled = np.array(sds) / sigma
        S = R * np.outer(scaled, scaled)
        if not np.isfinite(S).all():
            return None
        factor = _factor(S)
        if factor is None:
            return None
        factors.append(factor)
    return factors


def _from_theta(widths: list[int], theta: tuple[float, ...]) -> list[Array]:
    factors: list[Array] = []
    start = 0
    for q in widths:
        size = q * (q + 1) // 2
        factors.append(np.array(triangle(theta[start : start + size], q)))
        start += size
    return factors


def _factor(S: Array) -> Array | None:
    """A factor of a covariance, None if S is none; it may be singular, as on the boundary."""
    values, vectors = np.linalg.eigh(S)
    if values.min() < -1e-8 * values.max():
        return None
    factor: Array = vectors * np.sqrt(np.clip(values, 0.0, None))
    return factor
