"""``harness.power``: how often would a trial like this one find an effect?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from harness.engines.port.fitted import FittedModel
from harness.engines.port.lm import LinearFit
from harness.engines.port.power.simulated import SimulatedPower, drawn_power, simulated_power
from harness.errors import ModelError
from harness.models.spec import DfMethod


def power(
    fit: FittedModel | LinearFit,
    term: str,
    *,
    n_sim: int = 2_000,
    seed: int = 1,
    alpha: float = 0.05,
    df: DfMethod | None = None,
) -> SimulatedPower:
    """Simulate trials on the rows of a fit, with its variance components.

    ``power(fit, term).at(3.0)`` is the power for a true coefficient of 3, ``.detectable(0.8)`` the
    smallest coefficient that is found in four trials of five.

    Args:
        fit: a mixed or a linear model; which rows there are, and what varies by how much, is its.
        term: coefficient, as in ``fit.names``.
        n_sim: trials.
        seed: of the draws.
        alpha: two-sided level of the test.
        df: method of the degrees of freedom; by default Satterthwaite's, the residual ones for a
            linear model.

    Raises:
        ModelError: an argument that is none of these.
    """
    return power_of_terms(fit, (term,), n_sim=n_sim, seed=seed, alpha=alpha, df=df)[0]


def power_of_terms(
    fit: FittedModel | LinearFit,
    terms: Sequence[str],
    *,
    n_sim: int,
    seed: int,
    alpha: float,
    df: DfMethod | None,
) -> tuple[SimulatedPower, ...]:
    """The power of several coefficients' tests, in the same trials; else as :func:`power`."""
    if not isinstance(alpha, float) or not 0.0 < alpha < 1.0:
        raise ModelError(f"alpha must lie between 0 and 1, not {alpha!r}; write 0.05 for 5 %")
    if df is not None and df not in get_args(DfMethod):
        raise ModelError(
            f"no df method is called {df!r}; there are {', '.join(get_args(DfMethod))}"
        )
    given = {"n_sim": n_sim, "seed": seed}
    if isinstance(fit, LinearFit):
        return tuple(
            drawn_power(fit, term, **given, alpha=alpha, df=df or "residual") for term in terms
        )
    return simulated_power(fit, terms, **given, alpha=alpha, df=df or "satterthwaite")
