"""The part of ``reproduce.R`` that fits a model whose outcome is censored."""

from __future__ import annotations

from harness.language import quote_name
from harness.language.nodes import deparse
from harness.models.spec import ModelTask
from harness.report.reproduce_hypotheses import hypotheses_in_r


def tobit_in_r(task: ModelTask, name: str, rows: str) -> str:
    """The fit of a Tobit model and what is printed of it.

    Args:
        task: the model.
        name: what it is called, an R string.
        rows: R code of its rows.
    """
    spec = task.spec
    response = deparse(spec.formula.response)
    right = deparse(spec.formula.tree)
    seen = f"{quote_name(spec.censored)} == 0"
    formula = f'survival::Surv({response}, {seen}, type = "left") ~ {right}'
    control = "survival::survreg.control(maxiter = 200, rel.tolerance = 1e-14)"
    lines = [
        f'fit <- survival::survreg({formula}, {rows}, dist = "gaussian",\n  control = {control})',
        f'cat("\\n==", {name}, "\\n")',
        "print(summary(fit)$table, digits = 10)",
        'cat("sigma:", format(fit$scale, digits = 10), "\\n-2 log-likelihood:",'
        ' format(-2 * fit$loglik[2], digits = 12), "\\n")',
    ]
    if hypotheses := hypotheses_in_r(spec):
        lines.append(f'hypotheses(fit, "z", {hypotheses})')
    return "\n".join(lines)
