"""What is asked of the observed values, as rows of an answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.observed.proportions import (
    Count,
    fisher_p,
    needed_to_treat,
    newcombe,
    wald,
)
from harness.engines.port.observed.standardised import (
    centred,
    hedges_g,
    morris_d,
    pooled_correlation,
)
from harness.engines.port.observed.values import patient_values
from harness.errors import ModelError
from harness.models.inference import ChangeSize, GroupSize, Responders, RiskDifference

if TYPE_CHECKING:
    from harness.models.besides import Besides
    from harness.models.design import Design
    from harness.models.observed import Observed, ResponderRule

Vector = npt.NDArray[np.float64]

ROUNDING = 1e-7
"""Per cent by which an improvement may miss the percentage: decimals and thirds are no doubles."""


def change_sizes(design: Design, besides: Besides, level: float) -> tuple[ChangeSize, ...]:
    """Morris' d_ppc2 of each pair of arms, of the rows used, at each time after the first.

    Over patients with both values; first values' SD and the correlation are those of the pair's
    two arms, pooled.

    Raises:
        ModelError: a patient in two arms, or with two rows at one time.
    """
    observed = _asked(besides)
    values = patient_values(design.frame.data[design.used], design.y, observed)
    rows = []
    for time, pair in observed.comparisons(besides.pairs):
        both = []
        for arm in pair:
            own = values.of(arm)[:, [0, time]]
            own = own[~np.isnan(own).any(axis=1)]
            both.append((own[:, 0], own[:, 1]))
        (x1, y1), (x2, y2) = both
        n = (len(x1), len(x2))
        rho = pooled_correlation(both)
        change = (_mean(y1) - _mean(x1), _mean(y2) - _mean(x2))
        size = morris_d(change, (_sd(x1), _sd(x2)), n, rho, level)
        numbers = (size.d, size.se, size.low, size.high, rho, *map(float, n))
        rows.append(ChangeSize(observed.d_ppc2_term(time, pair), *numbers))
    return tuple(rows)


def group_sizes(design: Design, besides: Besides, level: float) -> tuple[GroupSize, ...]:
    """Hedges' g of each pair of arms, of the rows used, at each time after the first.

    Raises:
        ModelError: a patient in two arms, or with two rows at one time.
    """
    observed = _asked(besides)
    values = patient_values(design.frame.data[design.used], design.y, observed)
    rows = []
    for time, pair in observed.comparisons(besides.pairs):
        own = [values.of(arm)[:, time] for arm in pair]
        first, second = (x[~np.isnan(x)] for x in own)
        size = hedges_g(first, second, level)
        n = (float(len(first)), float(len(second)))
        term = observed.hedges_g_term(time, pair)
        rows.append(GroupSize(term, size.d, size.low, size.high, *n))
    return tuple(rows)


def responder_rows(
    design: Design, besides: Besides, level: float
) -> tuple[tuple[Responders, ...], tuple[RiskDifference, ...]]:
    """Responders by arm, and each pair of arms, at each time after the first.

    Of all rows given, those that the model omits included: every patient of an arm counts.

    Raises:
        ModelError: nobody said which way the outcome improves; a patient in two arms, or with two
            rows at one time.
    """
    observed = _asked(besides)
    rule = observed.responder
    if rule is None or rule.direction is None:
        raise ModelError(f"which way `{observed.outcome}` improves is not known")
    data = design.frame.data
    y = data[observed.outcome].to_numpy(np.float64, na_value=np.nan)
    values = patient_values(data, y, observed)
    by_arm, compared = [], []
    for time in range(1, len(observed.time.levels)):
        counts: dict[int, Count] = {}
        for arm in observed.compared_arms(besides.pairs):
            own = values.of(arm)
            found = counted(own[:, 0], own[:, time], rule)
            counts[arm] = found[:2]
            term = observed.responders_term(time, arm)
            by_arm.append(Responders(term, *map(float, found)))
        for pair in besides.pairs:
            both = counts[pair[0]], counts[pair[1]]
            risk = (newcombe if rule.interval == "newcombe" else wald)(*both, level)
            nnt = needed_to_treat(risk)
            compared.append(
                RiskDifference(
                    *(observed.risk_term(time, pair), risk.estimate, risk.low, risk.high),
                    *(nnt.estimate, nnt.low, nnt.high, fisher_p(*both)),
                )
            )
    return tuple(by_arm), tuple(compared)


def counted(first: Vector, later: Vector, rule: ResponderRule) -> tuple[int, int, int, int]:
    """Responders, denominator, patients without both values, and with a first value <= 0.

    A responder's value improves by at least ``percent`` of the first one, to within 1e-7 per
    cent: 100 (x - y) >= (percent - 1e-7) x. Of a first value of zero or below no percentage can
    be taken; such a patient is as one whose value is missing.

    Args:
        first: (n,) first values of an arm's patients, NaN where they are missing.
        later: (n,) their later ones.
        rule: what an improvement is, and who is in the denominator.
    """
    complete = ~(np.isnan(first) | np.isnan(later))
    known = complete & (first > 0.0)
    x, y = first[known], later[known]
    gain = x - y if rule.direction == "lower" else y - x
    improved = int((100.0 * gain >= (rule.percent - ROUNDING) * x).sum())
    patients = len(first) if rule.missing == "nonresponder" else int(known.sum())
    return improved, patients, int((~complete).sum()), int((complete & ~known).sum())


def _asked(besides: Besides) -> Observed:
    if besides.observed is None:
        raise ModelError("the columns of patients, arms and times are not named")
    return besides.observed


def _mean(x: Vector) -> float:
    return float(x.mean()) if len(x) else math.nan


def _sd(x: Vector) -> float:
    """With n - 1; 0 of fewer than two values, which weigh nothing where SDs are pooled."""
    return math.sqrt(float(np.square(centred(x)).sum()) / (len(x) - 1)) if len(x) > 1 else 0.0
