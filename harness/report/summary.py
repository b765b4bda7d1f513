"""A fit printed the way an R user expects to read it."""

from __future__ import annotations

import math

from tabulate import tabulate

from harness.compare.components import blocks
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

_TESTS = {
    "satterthwaite": "t-tests use Satterthwaite's method",
    "kenward-roger": "t-tests use Kenward-Roger's method",
    "residual": "t-tests use the residual degrees of freedom",
    "z": "z tests",
}


def render_summary(estimates: Estimates, spec: ModelSpec | None = None) -> str:
    """The summary of one fit, laid out as ``summary()`` of an lmer or lm object.

    Args:
        estimates: of any engine.
        spec: what was asked, where it is known: says weights, offset and codings.
    """
    parts = [header(estimates, spec)]
    if estimates.groups:
        parts.append("Random effects:\n" + random_table(estimates))
        groups = "; ".join(f"{name}, {count}" for name, count in estimates.groups.items())
        parts.append(f"Number of obs: {estimates.n_obs}, groups:  {groups}")
    else:
        sigma = next(r.estimate for r in estimates.random if r.term == "sigma")
        parts.append(f"Residual standard error: {sigma:.6g}")
        parts.append(f"Number of obs: {estimates.n_obs}")
    parts.append("Fixed effects:\n" + fixed_table(estimates))
    parts.extend(f"{estimates.engine}: {message}" for message in estimates.messages)
    return "\n\n".join(parts)


def header(estimates: Estimates, spec: ModelSpec | None = None) -> str:
    """Title, formula, what there is beside it, and fit statistics."""
    mixed = bool(estimates.groups)
    if mixed:
        title = f"Linear mixed model fit by {'REML' if estimates.reml else 'maximum likelihood'}"
    else:
        title = "Linear model"
    criterion = "REML criterion" if mixed and estimates.reml else "-2 log-likelihood"
    fit = estimates.fit
    return (
        f"{title}. {_TESTS[estimates.df_method]} [{estimates.engine}]\n"
        f"Formula: {estimates.formula}\n{beside_formula(spec)}\n"
        f"{criterion}: {fit.criterion:.4f}   logLik: {fit.loglik:.4f}"
        f"   AIC: {fit.aic:.4f}   BIC: {fit.bic:.4f}"
    )


def beside_formula(spec: ModelSpec | None) -> str:
    """One line each for weights, offset and codings; nothing where there are none."""
    if spec is None:
        return ""
    codings = ", ".join(
        f"{column} {how if isinstance(how, str) else 'by its own matrix'}"
        for column, how in spec.contrasts
    )
    said = (("Weights", spec.weights), ("Offset", spec.offset), ("Contrasts", codings))
    return "".join(f"{label}: {value}\n" for label, value in said if value)


def random_table(estimates: Estimates) -> str:
    """Variances, standard deviations and correlations, as ``print(VarCorr(fit))``."""
    value = {part.term: part.estimate for part in estimates.random}
    rows: list[list[str]] = []
    widest = 0
    for group, names in blocks(estimates):
        for i, name in enumerate(names):
            sd = value[f"sd({group}:{name})"]
            correlations = [f"{value[f'cor({group}:{names[j]},{name})']:.3f}" for j in range(i)]
            widest = max(widest, len(correlations))
            rows.append(
                [group if i == 0 else "", name, f"{sd * sd:.6g}", f"{sd:.6g}", *correlations]
            )
    if "sigma" in value:  # a model by visit has residuals only, each visit its own
        sigma = value["sigma"]
        rows.append(["Residual", "", f"{sigma * sigma:.6g}", f"{sigma:.6g}"])
    headers = ["Groups", "Name", "Variance", "Std.Dev.", "Corr"][: 5 if widest else 4]
    full = [row + [""] * (4 + widest - len(row)) for row in rows]
    return tabulate(
        full,
        headers=headers + [""] * (4 + widest - len(headers)),
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left", "left", *["right"] * (2 + widest)],
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
