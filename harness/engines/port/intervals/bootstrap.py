"""The parametric bootstrap: simulate from the fit, fit again, look at the spread.

Davison & Hinkley (1997), *Bootstrap Methods and their Application*, chapters 2 and 5.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from harness.engines.port.batch.components import component_names, components
from harness.engines.port.batch.refit import ONE_BY_ONE, chunks
from harness.engines.port.batch.simulation import check_draws
from harness.engines.port.fit import Fit
from harness.engines.port.intervals.level import check_level
from harness.engines.port.intervals.quantiles import order_quantile, quantile_error
from harness.engines.port.intervals.replicates import (
    Statistic,
    Work,
    named,
    run,
    run_in_child,
    shared_of,
    start_child,
)
from harness.errors import ModelError
from harness.models.read_only import read_only

if TYPE_CHECKING:
    import pandas as pd

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
BootstrapMethod = Literal["percentile", "basic", "normal"]


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Replicates of a fit's estimates under the fitted model.

    Attributes:
        terms: names of the k quantities: the coefficients, then ``sd(...)``, ``cor(...)`` and
            ``sigma``; or those of the statistic asked for.
        estimate: (k,) of the fit itself.
        replicates: (n_sim, k); a row of NaN where the model could not be fitted, single NaN
            for a correlation with an effect of zero variance.
        seed: of the draws.
        failures: number of a replicate (from 0) and why it has no fit.
        unconverged: replicates whose search did not end as demanded; they are kept.
        singular: replicates on the boundary.
    """

    terms: tuple[str, ...]
    estimate: Vector
    replicates: Matrix
    seed: int
    failures: tuple[tuple[int, str], ...]
    unconverged: int
    singular: int

    @property
    def n_sim(self) -> int:
        """Replicates drawn."""
        return len(self.replicates)

    def __repr__(self) -> str:
        return (
            f"<Bootstrap {self.n_sim} replicates, seed {self.seed}: {self.singular} singular, "
            f"{len(self.failures)} failed>"
        )

    def summary(self) -> pd.DataFrame:
        """Estimate, bias and standard error of each term, with Monte-Carlo errors.

        Columns: term, estimate, bias, bias_error, std_error, std_error_error, replicates (those
        that have a value).
        """
        import pandas as pd

        used = (~np.isnan(self.replicates)).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(self.replicates, axis=0) / used
            square = np.nansum((self.replicates - mean) ** 2, axis=0)
            sd = np.sqrt(square / (used - 1))
            return pd.DataFrame(
                {
                    "term": list(self.terms),
                    "estimate": self.estimate,
                    "bias": mean - self.estimate,
                    "bias_error": sd / np.sqrt(used),
                    "std_error": sd,
                    "std_error_error": sd / np.sqrt(2.0 * (used - 1)),
                    "replicates": used,
                }
            )

    def confint(self, level: float = 0.95, method: BootstrapMethod = "percentile") -> pd.DataFrame:
        """Intervals of every term; the replicates' quantiles as in Davison & Hinkley, (5.8).

        Args:
            level: e.g. 0.95.
            method: ``percentile``; ``basic``, which reflects the percentiles about the estimate;
                ``normal``, with the bootstrap's bias and standard error.

        Returns:
            Columns: term, estimate, conf_low, conf_high, low_error, high_error (Monte-Carlo
            standard errors of the bounds), method.

        Raises:
            ModelError: an unknown method, a level outside (0, 1), too few replicates for it.
        """
        import pandas as pd

        if method not in get_args(BootstrapMethod):
            known = ", ".join(get_args(BootstrapMethod))
            raise ModelError(f"unknown bootstrap method `{method}`; one of: {known}")
        check_level(level)
        rows = [
            _interval(column[~np.isnan(column)], own, level, method, term)
            for term, own, column in zip(
                self.terms, self.estimate.tolist(), self.replicates.T, strict=True
            )
        ]
        frame = pd.DataFrame(rows, columns=["conf_low", "conf_high", "low_error", "high_error"])
        frame.insert(0, "estimate", self.estimate)
        frame.insert(0, "term", list(self.terms))
        frame["method"] = f"bootstrap {method}"
        return frame


def _interval(
    given: Vector, estimate: float, level: float, method: BootstrapMethod, term: str
) -> tuple[float, float, float, float]:
    """Bounds and their Monte-Carlo errors, of the replicates that have a value."""
    count = len(given)
    tail = 0.5 * (1.0 - level)
    if method == "normal":
        if count < 2:
            raise ModelError(f"`{term}` has {count} replicates: an interval needs 2 or more")
        sd = float(given.std(ddof=1))
        z = float(ndtri(1.0 - tail))
        middle = 2.0 * estimate - float(given.mean())
        error = sd * float(np.sqrt((1.0 + 0.5 * z * z) / count))
        return middle - z * sd, middle + z * sd, error, error
    if (count + 1) * tail < 1.0:
        needed = int(np.ceil(1.0 / tail - 1e-9)) - 1
        raise ModelError(
            f"`{term}` has {count} replicates: a {method} interval of level {level:g} needs "
            f"{needed} or more"
        )
    ordered = np.sort(given)
    low, high = order_quantile(ordered, tail), order_quantile(ordered, 1.0 - tail)
    errors = quantile_error(ordered, tail), quantile_error(ordered, 1.0 - tail)
    if method == "basic":
        return 2.0 * estimate - high, 2.0 * estimate - low, errors[1], errors[0]
    return low, high, errors[0], errors[1]


def bootstrap(
    fit: Fit,
    n_sim: int = 1000,
    seed: int = 1,
    statistic: Statistic | None = None,
    processes: int = 1,
) -> Bootstrap:
    """Simulate from a fit and fit again.

    Args:
        fit: the model.
        n_sim: replicates.
        seed: of the draws; the same replicates for any ``processes`` and any longer run.
        statistic: what to compute of every replicate's fit: a number, a vector, or a mapping (or
            Series) of names to numbers; by default coefficients and variance components. With
            several processes it must be a function that can be pickled.
        processes: how many to spread the work over.

    Raises:
        ModelError: numbers out of range, or a statistic whose shape changes.
    """
    check_draws(n_sim, seed)
    if not isinstance(processes, int) or processes < 1:
        raise ModelError(f"processes must be 1 or more, not {processes!r}")
    if statistic is not None and not callable(statistic):
        raise ModelError(f"the statistic must be a function of a fit, not {statistic!r}")
    if statistic is None:
        terms = (*fit.names, *component_names(fit.design))
        own = components(fit.design, fit.theta[None], np.array([fit.sigma]))[0]
        estimate = np.concatenate([fit.beta, own])
        parts = chunks(fit.design, n_sim)
    else:
        terms, estimate = named(statistic(fit))
        parts = [slice(k, min(k + ONE_BY_ONE, n_sim)) for k in range(0, n_sim, ONE_BY_ONE)]
    work = Work(fit, seed, statistic, len(terms))
    if processes == 1 or len(parts) == 1:
        shared = shared_of(work)
        done = [run(work, shared, part) for part in parts]
    else:
        with ProcessPoolExecutor(
            min(processes, len(parts)), initializer=start_child, initargs=(work,)
        ) as pool:
            done = list(pool.map(run_in_child, parts))
    failures = [
        (part.start + number, reason)
        for part, piece in zip(parts, done, strict=True)
        for number, reason in piece.failures
    ]
    return Bootstrap(
        terms=terms,
        estimate=estimate,
        replicates=read_only(np.concatenate([piece.values for piece in done])),
        seed=seed,
        failures=tuple(failures),
        unconverged=sum(piece.unconverged for piece in done),
        singular=sum(piece.singular for piece in done),
    )
