"""Confidence intervals of all parameters of a mixed model, by any method, as one table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

from harness.engines.port.fit import Fit
from harness.engines.port.intervals.level import check_level
from harness.errors import ModelError
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    import pandas as pd

IntervalMethod = Literal["wald", "profile", "bootstrap"]


def confint(
    fit: Fit,
    method: IntervalMethod = "wald",
    level: float = 0.95,
    df: DfMethod = "satterthwaite",
    n_sim: int = 1000,
    seed: int = 1,
    processes: int = 1,
) -> pd.DataFrame:
    """Intervals of coefficients and variance components.

    Args:
        fit: the model.
        method: ``wald``: estimate plus and minus a t quantile times the standard error, none for
            variance components, whose estimates are far from normal; ``profile``: of the
            likelihood, around the ML estimates; ``bootstrap``: percentiles of the parametric
            bootstrap.
        level: e.g. 0.95.
        df: degrees of freedom of Wald intervals.
        n_sim: replicates of the bootstrap.
        seed: of the bootstrap.
        processes: of the bootstrap; they do not change the result.

    Returns:
        Columns: term, estimate, conf_low, conf_high, method; coefficients first, then the terms of
        ``fit.varcorr``. The estimates are those the intervals are made around: of the ML fit for
        profiles.

    Raises:
        ModelError: an unknown method, numbers out of range, or as the method itself.
    """
    import pandas as pd

    check_level(level)
    if method not in get_args(IntervalMethod):
        known = ", ".join(get_args(IntervalMethod))
        raise ModelError(f"unknown interval method `{method}`; one of: {known}")
    if method == "bootstrap":
        from harness.engines.port.intervals.bootstrap import bootstrap

        table = bootstrap(fit, n_sim, seed, None, processes).confint(level)
        return table.drop(columns=["low_error", "high_error"])
    if method == "profile":
        from harness.engines.port.intervals.profile import ml_fit, profile_intervals

        likely = ml_fit(fit)
        bounds = profile_intervals(likely, level)
        estimates = [*likely.beta.tolist(), *(row.estimate for row in likely.varcorr)]
        rows = [
            (term, estimate, low, high)
            for (term, low, high), estimate in zip(bounds, estimates, strict=True)
        ]
        label = "profile"
    else:
        wald = fit.table(df, level)
        rows = list(
            zip(
                fit.names,
                wald.estimate.tolist(),
                wald.conf_low.tolist(),
                wald.conf_high.tolist(),
                strict=True,
            )
        )
        rows += [(row.term, row.estimate, math.nan, math.nan) for row in fit.varcorr]
        label = f"wald {df}"
    frame = pd.DataFrame(rows, columns=["term", "estimate", "conf_low", "conf_high"])
    return frame.assign(method=label)
