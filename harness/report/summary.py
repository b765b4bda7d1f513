"""A fit printed the way an R user expects to read it."""

from __future__ import annotations

import math

from tabulate import tabulate

from harness.models.record import Estimates, RandomEffect

_DF_LABEL = {
    "satterthwaite": "t-tests use Satterthwaite's method",
    "kenward-roger": "t-tests use Kenward-Roger's method",
    "residual": "t-tests use the residual degrees of freedom",
    "z": "z tests",
}


def render_summary(estimates: Estimates) -> str:
    """The summary of one fit, laid out as ``summary()`` of an lmer or lm object."""
    parts = [header(estimates)]
    if estimates.groups:
        parts.append("Random effects:\n" + random_table(estimates.random))
    else:
        sigma = next(r.estimate for r in estimates.random if r.term == "sigma")
        parts.append(f"Residual standard error: {sigma:.6g}")
    groups = "; ".join(f"{name}, {count}" for name, count in estimates.groups.items())
    parts.append(f"Number of obs: {estimates.n_obs}" + (f", groups:  {groups}" if groups else ""))
    parts.append("Fixed effects:\n" + fixed_table(estimates))
    parts.extend(f"{estimates.engine}: {message}" for message in estimates.messages)
    return "\n\n".join(parts)


def header(estimates: Estimates) -> str:
    """Title, formula and fit statistics."""
    if not estimates.groups:
        title = "Linear model"
    else:
        method = "REML" if estimates.reml else "maximum likelihood"
        title = f"Linear mixed model fit by {method}"
    name = "REML criterion" if estimates.groups and estimates.reml else "-2 log-likelihood"
    fit = estimates.fit
    return (
        f"{title}. {_DF_LABEL[estimates.df_method]} [{estimates.engine}]\n"
        f"Formula: {estimates.formula}\n\n"
        f"{name}: {fit.criterion:.4f}   logLik: {fit.loglik:.4f}"
        f"   AIC: {fit.aic:.4f}   BIC: {fit.bic:.4f}"
    )


def random_table(random: tuple[RandomEffect, ...]) -> str:
    """Standard deviations and correlations, one line a random effect."""
    rows = [
        ["Residual" if r.term == "sigma" else r.term, r.estimate**2, r.estimate]
        if not r.term.startswith("cor(")
        else [r.term, "", r.estimate]
        for r in random
    ]
    return tabulate(
        rows,
        headers=["Term", "Variance", "Std.Dev. / Corr"],
        floatfmt=".5g",
        tablefmt="plain",
        disable_numparse=False,
    )


def fixed_table(estimates: Estimates) -> str:
    """The coefficient table with confidence limits."""
    statistic = "z value" if all(math.isinf(f.df) for f in estimates.fixed) else "t value"
    rows = [
        [
            f.term,
            f"{f.estimate:.6g}",
            f"{f.std_error:.5g}",
            "Inf" if math.isinf(f.df) else f"{f.df:.2f}",
            f"{f.statistic:.3f}",
            p_text(f.p_value),
            f"{f.conf_low:.5g}",
            f"{f.conf_high:.5g}",
        ]
        for f in estimates.fixed
    ]
    headers = ["", "Estimate", "Std. Error", "df", statistic, "p", "conf.low", "conf.high"]
    return tabulate(
        rows,
        headers=headers,
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left"] + ["right"] * 7,
    )


def p_text(p: float) -> str:
    """A p-value as R prints it: four significant digits, ``<2e-16`` below that."""
    if math.isnan(p):
        return "NA"
    return "<2e-16" if p < 2e-16 else f"{p:.4g}"
