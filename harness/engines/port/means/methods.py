"""``WithMeans``: what every fit offers on its marginal means; the work is imported when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.means.comparisons import Contrasts
    from harness.engines.port.means.contrasts import Method
    from harness.engines.port.means.emmeans import Means, Names
    from harness.engines.port.means.grid import Weights
    from harness.engines.port.testable import Testable
    from harness.models.spec import DfMethod


class WithMeans:
    """Marginal means, contrasts, trends and joint tests of a model."""

    def emmeans(
        self: Testable,
        specs: Names,
        by: Names = None,
        *,
        at: Mapping[str, Any] | None = None,
        weights: Weights = "equal",
        df: DfMethod | None = None,
        level: float = 0.95,
        contrast: Method | None = None,
        interaction: Method | Sequence[Method] | None = None,
        adjust: str | None = None,
        ref: str | int = 0,
    ) -> Means | Contrasts:
        """Estimated marginal means, or contrasts of them.

        Args:
            specs: variables whose combinations have a mean each.
            by: more variables, within whose combinations means are compared and adjusted.
            at: variable -> value or values, instead of a factor's levels or a covariate's mean.
            weights: ``equal``, ``proportional``, ``outer``, ``cells`` or ``flat``.
            df: method of the degrees of freedom; by default that of the model's summary.
            level: of the intervals.
            contrast: contrasts instead of means; see ``Means.contrast``.
            interaction: contrasts of contrasts instead; see ``Means.interaction``.
            adjust: of what is returned.
            ref: the control of ``trt.vs.ctrl``.

        Raises:
            ModelError: an unknown variable, level, weighting, method or adjustment.
        """
        return _means(
            self, specs, by, at, weights, df, level, contrast, interaction, adjust, ref, None
        )

    def emtrends(
        self: Testable,
        specs: Names,
        var: str,
        by: Names = None,
        *,
        at: Mapping[str, Any] | None = None,
        weights: Weights = "equal",
        df: DfMethod | None = None,
        level: float = 0.95,
        contrast: Method | None = None,
        interaction: Method | Sequence[Method] | None = None,
        adjust: str | None = None,
        ref: str | int = 0,
    ) -> Means | Contrasts:
        """Marginal slopes by a numeric column, or contrasts of them; else as :meth:`emmeans`.

        The slopes are derivatives, exact for whatever function of ``var`` the formula has.

        Raises:
            ModelError: as :meth:`emmeans`; ``var`` is no numeric column of the fixed effects.
        """
        if not isinstance(var, str):
            raise ModelError(f"var: name a numeric column of the fixed effects, not {var!r}")
        return _means(
            self, specs, by, at, weights, df, level, contrast, interaction, adjust, ref, var
        )

    def joint_tests(
        self: Testable,
        by: Names = None,
        *,
        at: Mapping[str, Any] | None = None,
        df: DfMethod | None = None,
    ) -> pd.DataFrame:
        """F tests of each term on its marginal means, within combinations of ``by``.

        Raises:
            ModelError: an unknown variable, level or df method; no term to test.
        """
        from harness.engines.port.means.joint import joint_tests

        return joint_tests(self, by, at, df)


def _means(
    fit: Testable,
    specs: Names,
    by: Names,
    at: Mapping[str, Any] | None,
    weights: Weights,
    df: DfMethod | None,
    level: float,
    contrast: Method | None,
    interaction: Method | Sequence[Method] | None,
    adjust: str | None,
    ref: str | int,
    var: str | None,
) -> Means | Contrasts:
    """Means, or contrasts of them if asked for."""
    from harness.engines.port.means.emmeans import marginal_means

    if contrast is not None and interaction is not None:
        raise ModelError("ask for contrast= or for interaction=, not for both")
    plain = contrast is None and interaction is None
    own = adjust if plain and adjust is not None else "none"
    means = marginal_means(fit, specs, by, at, weights, df, level, own, var)
    if contrast is not None:
        return means.contrast(contrast, adjust=adjust, ref=ref)
    if interaction is not None:
        return means.interaction(interaction, adjust=adjust)
    return means
