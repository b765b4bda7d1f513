"""The README's table from what was measured: ``python table.py`` rewrites it in place."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from compare import TIERS, quantities_of  # noqa: E402
from models import MODELS  # noqa: E402
from quantities import QUANTITIES  # noqa: E402
from rules import RULES, limit_of  # noqa: E402

START, END = "<!-- measured -->", "<!-- end -->"
MEANS = ("means", "contrast", "trend")


def _of_means(method: str, *columns: str) -> list[str]:
    names = [f"{kind}_{method}_{column}" for kind in MEANS for column in columns]
    return [name for name in names if name in QUANTITIES]


def _anova(method: str, column: str) -> list[str]:
    return [f"anova_{kind}_{method}_{column}" for kind in "123"]


ROWS: dict[str, list[str]] = {
    "criterion": ["criterion"],
    "theta: either criterion at the other's theta": ["theta"],
    "coefficients": ["beta"],
    "their covariance": ["vcov"],
    "standard errors": ["se"],
    "sigma": ["sigma"],
    "standard deviations, correlations": ["varcorr"],
    "log-likelihood": ["loglik"],
    "AIC, BIC": ["aic", "bic"],
    "conditional modes": ["ranef"],
    "conditional SDs": ["condsd"],
    "fitted values": ["fitted"],
    "residuals: raw, pearson, scaled": ["residual_raw", "residual_pearson", "residual_scaled"],
    "leverage": ["leverage"],
    "Cook's distance of rows": ["cooks_row"],
    "predictions: new rows, new groups, fixed part": ["predict_new", "predict_fixed"],
    "simulated response, draws given": ["simulate"],
    "ICC": ["icc"],
    "R squared": ["r2"],
    "normal Wald intervals": ["wald_z"],
    "Satterthwaite df": ["sw_df"],
    "p": ["sw_p"],
    "intervals": ["wald_sw"],
    "Kenward-Roger standard errors": ["kr_se"],
    "Kenward-Roger df": ["kr_df"],
    "p ": ["kr_p"],
    "intervals ": ["wald_kr"],
    "anova I, II, III: F (Satterthwaite)": _anova("sw", "f"),
    "df": _anova("sw", "df"),
    "p  ": _anova("sw", "p"),
    "anova I, II, III: F (Kenward-Roger)": _anova("kr", "f"),
    "df ": _anova("kr", "df"),
    "p   ": _anova("kr", "p"),
    "type III, rows unrounded: F": ["hypothesis_sw_f", "hypothesis_kr_f"],
    "df, Satterthwaite": ["hypothesis_sw_df"],
    "df, Kenward-Roger": ["hypothesis_kr_df"],
    "p, Satterthwaite": ["hypothesis_sw_p"],
    "p, Kenward-Roger": ["hypothesis_kr_p"],
    "emmeans, contrasts, emtrends": [*_of_means("sw", "estimate"), *_of_means("kr", "estimate")],
    "their standard errors": [*_of_means("sw", "se"), *_of_means("kr", "se")],
    "df, Satterthwaite ": _of_means("sw", "df"),
    "df, Kenward-Roger ": _of_means("kr", "df"),
    "intervals, Satterthwaite": _of_means("sw", "ci"),
    "intervals, Kenward-Roger": _of_means("kr", "ci"),
    "adjusted p, Satterthwaite": _of_means("sw", "p"),
    "adjusted p, Kenward-Roger": _of_means("kr", "p"),
    "Tukey's p": ["contrast_sw_tukey", "contrast_kr_tukey"],
    "joint tests: F": ["joint_sw_f", "joint_kr_f"],
    "likelihood ratio: log-likelihoods": ["lrt_loglik"],
    "chi-square": ["lrt_chisq"],
    "its df": ["lrt_df"],
    "p    ": ["lrt_p"],
    "ranova: log-likelihoods": ["ranova_loglik"],
    "chi-square ": ["ranova_lrt"],
    "p     ": ["ranova_p"],
    "another response: criterion": ["refit_criterion"],
    "coefficients ": ["refit_beta"],
    "standard errors ": ["refit_se"],
    "without each group: coefficients": ["dfbeta"],
    "Cook's distance of groups": ["cooks_group"],
}
"""Rows of the table; blanks at the end tell apart what reads alike."""


def counts() -> dict[str, int]:
    """Comparisons by quantity, tier and rule, without fitting a model."""
    from compare import asked_at

    found: dict[str, int] = {}
    for name in MODELS:
        for quantity in quantities_of(name):
            for tier in TIERS:
                limit, rule = limit_of(name, quantity, tier)
                if limit is not None and asked_at(name, quantity, tier):
                    key = f"{quantity} {tier} {rule}".strip()
                    found[key] = found.get(key, 0) + 1
    return found


def _cells(measured: dict[str, Any], names: list[str], tier: str) -> tuple[str, str]:
    """Worst difference and limit; where a row has several limits, the one nearest to its own."""
    rows = [measured[f"{name} {tier}"] for name in names if f"{name} {tier}" in measured]
    if not rows:
        return "", ""
    worst = max(rows, key=lambda row: row["worst"] / row["limit"] if row["limit"] else row["worst"])
    return f"{worst['worst']:.1g}", f"{worst['limit']:.4g}"


def rendered(record: dict[str, Any]) -> str:
    """The tables as Markdown."""
    measured = record["measured"]
    lines = [
        ", ".join(f"{name} {version}" for name, version in record["versions"].items()) + ".",
        "",
        "| quantity | models | T1 worst | limit | T2 worst | limit | unit |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, names in ROWS.items():
        models = max(
            sum(row["models"] for key, row in measured.items() if key.split()[:2] == [name, tier])
            for name in names
            for tier in TIERS
        )
        cells = [cell for tier in TIERS for cell in _cells(measured, names, tier)]
        what = QUANTITIES[names[0]].what
        lines.append(f"| {title.strip()} | {models} | {' | '.join(cells)} | {what} |")
    lines += ["", "| rule | comparisons | worst | limit | why |", "|---|---|---|---|---|"]
    for name, rule in RULES.items():
        rows = [row for key, row in measured.items() if key.split()[2:] == [name]]
        if rows:
            worst = max(row["worst"] for row in rows)
            number = sum(row["models"] for row in rows)
            lines.append(f"| {name} | {number} | {worst:.1g} | {rule.limit:g} | {rule.reason} |")
    return "\n".join(lines)


def main() -> None:
    record = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))
    readme = HERE / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(START)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{START}\n{rendered(record)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
