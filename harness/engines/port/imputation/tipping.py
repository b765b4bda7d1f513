"""How much worse must the unseen have been for the decision to be another?

Values imputed as missing at random are shifted by delta in one arm and the model is fitted again:
a pattern-mixture model with one parameter that no data can tell (Rubin 1977, J. Am. Stat. Assoc.
72, 538-543; Yan, Lee & Li 2009, J. Biopharm. Stat. 19, 1085-1098). All deltas share one set of
draws. In a linear model every estimate is linear in delta and its variance a square, so that three
fits give the whole curve; a mixed model's variance components move, and it is fitted at each delta.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from harness.engines.port.imputation.analysis import analyse
from harness.engines.port.imputation.pooling import Numbers, Pooled, pool
from harness.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.imputation.imputed import Imputed
    from harness.models.spec import DfMethod

Vector = npt.NDArray[np.float64]
Answers = tuple[Vector, Vector, Vector]
"""Of one coefficient in m data sets: estimates, variances and degrees of freedom."""

SLOPE_STEP = 1e-3
"""Share of the range of deltas over which the slope of p is taken."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A shift at which p is alpha.

    Attributes:
        delta: in the outcome's unit.
        mc_error: its Monte-Carlo standard error: that of p over the slope of p.
    """

    delta: float
    mc_error: float


@dataclass(frozen=True, slots=True, eq=False)
class TippingPoint:
    """A coefficient over shifts of what was imputed in one arm.

    Attributes:
        formula, term, arm: what was asked.
        alpha: level of the decision.
        deltas: (g,) shifts in the outcome's unit, ascending.
        at: pooled numbers at each shift, of one coefficient.
        significant: whether p < alpha without a shift.
        crossings: every change of that decision between the deltas, ascending.
    """

    formula: str
    term: str
    arm: object
    alpha: float
    deltas: Vector
    at: tuple[Pooled, ...]
    significant: bool
    crossings: tuple[Crossing, ...]

    @property
    def nearest(self) -> Crossing | None:
        """The crossing with the smallest shift; None if the decision is the same at all deltas."""
        return min(self.crossings, key=lambda crossing: abs(crossing.delta), default=None)

    def said(self, higher_is: Literal["worse", "better", ""] = "") -> str:
        """The result in a sentence.

        Args:
            higher_is: direction of the outcome, if that is to be said.
        """
        holds = f"`{self.term}`: p {'<' if self.significant else '>='} {self.alpha:g}"
        found = self.nearest
        if found is None:
            return (
                f"{holds} holds for every shift of the unseen patients of {self.arm} "
                f"by {self.deltas[0]:g} to {self.deltas[-1]:g}, other things equal"
            )
        words = {"worse": ("worse", "better"), "better": ("better", "worse")}
        up, down = words.get(higher_is, ("higher", "lower"))
        return (
            f"{holds} holds unless unseen patients of {self.arm} were on average "
            f"{abs(found.delta):.3g} {up if found.delta > 0 else down} than seen ones, "
            f"other things equal (Monte-Carlo error {found.mc_error:.2g})"
        )

    def summary(self) -> pd.DataFrame:
        """One row a shift: ``delta`` and the pooled numbers, then Monte-Carlo errors."""
        import pandas as pd

        frame = pd.DataFrame({"delta": self.deltas})
        for prefix, part in (("", "numbers"), ("mcse_", "mc_error")):
            for field in fields(Numbers):
                frame[prefix + field.name] = [
                    float(getattr(getattr(pooled, part), field.name)[0]) for pooled in self.at
                ]
        return frame


def tipping_point(
    imputed: Imputed,
    formula: str,
    term: str,
    *,
    arm: object,
    deltas: Sequence[float],
    alpha: float = 0.05,
    visits: Sequence[object] | None = None,
    reml: bool = True,
    df: DfMethod | None = None,
) -> TippingPoint:
    """Find from which shift on the decision on a coefficient is another.

    Args:
        imputed: drawn values.
        formula: of the model; see :meth:`.Imputed.fit`.
        term: the coefficient.
        arm: whose imputed values are shifted; None for every arm's.
        deltas: shifts to show, two or more; crossings are looked for between neighbours.
        alpha: level of the decision.
        visits: levels of the time column whose rows are analysed; all by default.
        reml: of mixed models.
        df: degrees of freedom of complete data; see :meth:`.Imputed.fit`.

    Raises:
        HarnessError: an arm, term or model that is none, or deltas that are no grid.
    """
    grid = np.unique(np.asarray(deltas, dtype=np.float64))
    if len(grid) < 2 or not np.isfinite(grid).all():
        raise ModelError("deltas must be two finite shifts or more")
    if not 0.0 < alpha < 1.0:
        raise ModelError(f"alpha must lie between 0 and 1, not {alpha!r}")
    answers = _answers(imputed, formula, term, arm, visits, reml, df, float(np.abs(grid).max()))

    def pooled(delta: float) -> Pooled:
        Q, U, nu = answers(delta)
        return pool(Q, U, nu, level=1.0 - alpha)

    def excess(delta: float) -> float:
        return float(pooled(delta).numbers.p_value[0]) - alpha

    at = tuple(pooled(float(delta)) for delta in grid)
    signs = [float(one.numbers.p_value[0]) < alpha for one in at]
    crossings = []
    for k in np.flatnonzero(np.diff(np.asarray(signs, dtype=np.int8))):
        low, high = float(grid[k]), float(grid[k + 1])
        root = float(brentq(excess, low, high, xtol=1e-10 * max(abs(low), abs(high))))
        step = SLOPE_STEP * float(grid[-1] - grid[0])
        slope = (excess(root + step) - excess(root - step)) / (2.0 * step)
        error = float(pooled(root).mc_error.p_value[0])
        crossings.append(Crossing(root, error / abs(slope) if slope else math.inf))
    return TippingPoint(
        *(formula, term, arm, alpha, grid, at),
        significant=excess(0.0) < 0.0,
        crossings=tuple(crossings),
    )


def _answers(
    imputed: Imputed,
    formula: str,
    term: str,
    arm: object,
    visits: Sequence[object] | None,
    reml: bool,
    df: DfMethod | None,
    size: float,
) -> Callable[[float], Answers]:
    """The coefficient's answers as a function of delta."""
    from harness.language import parse_formula

    frame, responses = imputed.long(visits)
    at = imputed.wide.visit_numbers(visits)
    moved = imputed.unseen(arm)[:, at].ravel()[:, None]

    def direct(delta: float) -> Answers:
        outcome = imputed.wide.outcome
        found = analyse(formula, outcome, frame, responses + delta * moved, reml=reml, df=df)
        if term not in found.names:
            raise ModelError(f"no coefficient `{term}`; there are {', '.join(found.names)}")
        j = found.names.index(term)
        return found.estimates[:, j], found.variances[:, j], found.df[:, j]

    if parse_formula(formula).random:
        return direct
    (below, _, nu), (middle, _, _), (above, _, _) = parts = [
        direct(delta) for delta in (-size, 0.0, size)
    ]
    U = [part[1] for part in parts]

    def interpolated(delta: float) -> Answers:
        x = delta / size
        linear = (U[2] - U[0]) / 2.0
        square = (U[2] + U[0]) / 2.0 - U[1]
        return middle + x * (above - below) / 2.0, U[1] + x * linear + x * x * square, nu

    return interpolated
