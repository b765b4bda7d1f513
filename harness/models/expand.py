"""From a plan to its models: one task for each analysis, set, outcome and moderator."""

from __future__ import annotations

from harness.models.spec import DfMethod, ModelKey, ModelSpec, ModelTask
from harness.plan.check import combinations, filled
from harness.plan.schema import Plan


def tasks(plan: Plan) -> tuple[ModelTask, ...]:
    """Every model of a plan, in plan order: by analysis, then set, outcome and moderator."""
    found: list[ModelTask] = []
    for analysis in plan.analyses:
        for name in analysis.sets:
            for outcome, moderator in combinations(analysis):
                formula = filled(analysis, outcome, moderator)
                df: DfMethod = analysis.df or ("satterthwaite" if formula.random else "residual")
                spec = ModelSpec(
                    formula,
                    reml=analysis.reml,
                    df_method=df,
                    weights=analysis.weights or "",
                    offset=analysis.offset or "",
                    contrasts=tuple(
                        (column, coding)
                        for column, coding in analysis.contrasts.items()
                        if column in formula.columns
                    ),
                )
                key = ModelKey(analysis.id, name, outcome, moderator)
                found.append(ModelTask(key, spec, tuple(analysis.report)))
    return tuple(found)
