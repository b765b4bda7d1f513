"""The quantities: how each is measured, and how far apart the two sides may be.

Limits are the tiers' own: T1 where both sides stand at one theta, T2 where each is at its own
optimum. None where a quantity is not asked at a tier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Metric = Literal["absolute", "unit", "relative", "p"]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """One quantity.

    Attributes:
        metric: ``absolute``; ``unit``, in the unit that comes with the port's values (a standard
            error, sigma, ...); ``relative``; or ``p``, absolute from 1e-4 on and below that a
            thousandth of the difference of the decimal logarithms.
        at: limit at one theta.
        own: limit between two optima.
        what: the unit, for the table.
    """

    metric: Metric
    at: float | None
    own: float | None
    what: str

    def difference(self, ours: Vector, theirs: Vector, unit: Vector) -> float:
        """The largest difference in the quantity's own unit; missing values must agree."""
        if ours.shape != theirs.shape or (np.isnan(ours) != np.isnan(theirs)).any():
            return float("inf")
        there = ~np.isnan(ours) & (ours != theirs)
        a, b, unit = ours[there], theirs[there], np.broadcast_to(unit, ours.shape)[there]
        if not len(a):
            return 0.0
        gap = np.abs(a - b)
        if self.metric == "unit":
            gap = gap / unit
        elif self.metric == "relative":
            gap = gap / np.abs(b)
        elif self.metric == "p":
            with np.errstate(divide="ignore"):
                logs = np.abs(np.log10(a) - np.log10(b))
            gap = np.where(np.maximum(a, b) < 1e-4, np.minimum(gap, 1e-3 * logs), gap)
        return float(gap.max())


SE, SIGMA, DEVIANCE = "SE", "sigma", "deviance"


def _df(method: str, what: str = "relative") -> Quantity:
    return Quantity("relative", *((1e-6, 1e-4) if method == "sw" else (1e-10, 1e-5)), what)


def _p(method: str) -> Quantity:
    return Quantity("p", *((1e-6, 1e-6) if method == "sw" else (1e-9, 1e-6)), "p")


def _means(kind: str, method: str) -> dict[str, Quantity]:
    kr = method == "kr"
    found = {
        "estimate": Quantity("unit", 1e-9, 1e-6, SE),
        "se": Quantity("relative", 1e-10, 1e-6, "relative"),
        "df": _df(method),
        "ci": Quantity("unit", 1e-9 if kr else 1e-6, 1e-5, SE),
        "p": _p(method),
    }
    if kind == "contrast":
        # ptukey is right to 1e-7 or so.
        found["tukey"] = Quantity("absolute", 1e-7 if kr else 1e-6, 1e-6, "p")
    return {f"{kind}_{method}_{column}": quantity for column, quantity in found.items()}


QUANTITIES: dict[str, Quantity] = {
    "criterion": Quantity("absolute", 1e-8, 1e-8, DEVIANCE),
    "theta": Quantity("absolute", None, 1e-8, DEVIANCE),
    "beta": Quantity("unit", 1e-9, 1e-6, SE),
    "vcov": Quantity("unit", 1e-10, 2e-6, "SE x SE"),
    "se": Quantity("relative", 1e-10, 1e-6, "relative"),
    "sigma": Quantity("relative", 1e-10, 1e-6, "relative"),
    "varcorr": Quantity("relative", 1e-10, 1e-4, "relative"),
    "loglik": Quantity("absolute", 1e-8, 1e-7, "log"),
    "aic": Quantity("absolute", 1e-8, 1e-7, DEVIANCE),
    "bic": Quantity("absolute", 1e-8, 1e-7, DEVIANCE),
    "ranef": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "condsd": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "fitted": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "residual_raw": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "residual_pearson": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "residual_scaled": Quantity("absolute", 1e-9, 1e-5, SIGMA),
    "leverage": Quantity("absolute", 1e-9, 1e-5, "share"),
    "cooks_row": Quantity("unit", 1e-9, 1e-5, "largest"),
    "predict_new": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "predict_fixed": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "simulate": Quantity("unit", 1e-9, 1e-5, SIGMA),
    "icc": Quantity("absolute", 1e-10, 1e-7, "share"),
    "r2": Quantity("absolute", 1e-10, 1e-7, "share"),
    "wald_z": Quantity("unit", 1e-9, 1e-5, SE),
    "sw_df": _df("sw"),
    "sw_p": _p("sw"),
    "wald_sw": Quantity("unit", 1e-6, 1e-5, SE),
    "kr_se": Quantity("relative", 1e-10, 1e-6, "relative"),
    "kr_df": _df("kr"),
    "kr_p": _p("kr"),
    "wald_kr": Quantity("unit", 1e-9, 1e-5, SE),
    **{
        f"anova_{kind}_{method}_{column}": quantity
        for kind in "123"
        for method in ("sw", "kr")
        for column, quantity in (
            ("f", Quantity("relative", 1e-9, 1e-5, "relative")),
            ("df", _df(method)),
            ("p", _p(method)),
        )
    },
    **{
        f"hypothesis_{method}_{column}": quantity
        for method in ("sw", "kr")
        for column, quantity in (
            ("f", Quantity("relative", 1e-9, 1e-5, "relative")),
            ("df", _df(method)),
            ("p", _p(method)),
        )
    },
    **{
        name: quantity
        for kind in ("means", "contrast", "trend")
        for method in ("sw", "kr")
        for name, quantity in _means(kind, method).items()
    },
    # emmeans keeps three decimals of F.
    "joint_sw_f": Quantity("absolute", 5.001e-4, 5.001e-4, "F"),
    "joint_kr_f": Quantity("absolute", 5.001e-4, 5.001e-4, "F"),
    "lrt_loglik": Quantity("absolute", None, 1e-7, "log"),
    "lrt_chisq": Quantity("absolute", None, 2e-7, DEVIANCE),
    "lrt_df": Quantity("absolute", None, 0.0, "df"),
    "lrt_p": Quantity("p", None, 1e-6, "p"),
    "ranova_loglik": Quantity("absolute", None, 1e-7, "log"),
    "ranova_lrt": Quantity("absolute", None, 2e-7, DEVIANCE),
    "ranova_p": Quantity("p", None, 1e-6, "p"),
    "refit_criterion": Quantity("absolute", None, 1e-8, DEVIANCE),
    "refit_beta": Quantity("unit", None, 1e-6, SE),
    "refit_se": Quantity("relative", None, 1e-6, "relative"),
    "dfbeta": Quantity("unit", None, 1e-6, SE),
    "cooks_group": Quantity("unit", None, 1e-5, "largest"),
}
"""Every quantity, by the name under which both sides answer."""
