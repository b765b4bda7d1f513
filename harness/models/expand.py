"""From a plan to its models: one task for each analysis, set, outcome and moderator."""

from __future__ import annotations

from harness.language.formula import Formula
from harness.models.besides import Besides, DesignColumn, EffectUnit, Part, Probe
from harness.models.mean_terms import in_fixed_part
from harness.models.spec import DfMethod, ModelKey, ModelSpec, ModelTask
from harness.plan.besides import baseline_column
from harness.plan.check import combinations, filled
from harness.plan.schema import Analysis, Plan


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
                    besides=besides(plan, analysis, formula, outcome, moderator),
                )
                key = ModelKey(analysis.id, name, outcome, moderator)
                found.append(ModelTask(key, spec, tuple(analysis.report)))
    return tuple(found)


PARTS: tuple[Part, ...] = ("emmeans", "contrasts", "anova", "effect_size")
PROBED: tuple[Part, ...] = ("slopes", "johnson_neyman")


def besides(
    plan: Plan, analysis: Analysis, formula: Formula, outcome: str, moderator: str
) -> Besides | None:
    """What an analysis asks of one of its models besides the fit; None for nothing.

    Arm and time count as far as the formula's fixed effects have them.
    """
    parts: tuple[Part, ...] = tuple(part for part in PARTS if part in analysis.report)
    probe = analysis.probe if moderator else None
    if probe is not None:
        parts += PROBED if probe.johnson_neyman else PROBED[:1]
    if not parts:
        return None
    arm, time = (
        DesignColumn(factor.column, factor.levels)
        if in_fixed_part(formula, factor.column)
        else None
        for factor in (plan.data.arm, plan.data.time)
    )
    weights = analysis.means.weights if analysis.means is not None else "equal"
    return Besides(
        *(parts, arm, time, weights, _unit(plan, analysis, outcome)),
        Probe(moderator, probe.at, plan.data.id, probe.alpha, probe.control)
        if probe is not None
        else None,
    )


def _unit(plan: Plan, analysis: Analysis, outcome: str) -> EffectUnit:
    asked = analysis.effect_size
    if asked is None:
        return EffectUnit()
    if asked.sd != "baseline":
        return EffectUnit(asked.sd, asked.value)
    column = baseline_column(analysis, outcome)
    return EffectUnit("baseline", None, column, plan.data.arm.column, plan.data.id)
