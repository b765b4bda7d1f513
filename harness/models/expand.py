"""From a plan to its models: one task for each analysis, set, outcome and moderator."""

from __future__ import annotations

from collections.abc import Mapping

from harness.language.formula import Formula
from harness.models.besides import (
    OBSERVED,
    Besides,
    DesignColumn,
    EffectUnit,
    Hypothesis,
    Part,
    Probe,
)
from harness.models.mean_terms import in_fixed_part
from harness.models.observed import Improvement, Observed, ResponderRule
from harness.models.spec import DfMethod, ModelKey, ModelSpec, ModelTask
from harness.plan.besides import baseline_column
from harness.plan.check import combinations, filled
from harness.plan.comparisons import Responder
from harness.plan.hypotheses import coefficient_rows
from harness.plan.schema import Analysis, Plan


def tasks(
    plan: Plan, improvements: Mapping[str, Improvement] | None = None
) -> tuple[ModelTask, ...]:
    """Every model of a plan, in plan order: by analysis, then set, outcome and moderator.

    Args:
        plan: as checked.
        improvements: which way outcomes improve where the plan does not say, by column; the
            codebook's. Without them no responders can be counted.
    """
    found: list[ModelTask] = []
    for analysis in plan.analyses:
        for name in analysis.sets:
            for outcome, moderator in combinations(analysis):
                formula = filled(analysis, outcome, moderator)
                df: DfMethod = analysis.df or ("satterthwaite" if formula.random else "residual")
                if analysis.kind == "tobit":
                    df = "z"
                spec = ModelSpec(
                    formula,
                    reml=analysis.reml,
                    df_method=df,
                    weights=analysis.weights or "",
                    offset=analysis.offset or "",
                    censored=analysis.censored.below if analysis.censored is not None else "",
                    contrasts=tuple(
                        (column, coding)
                        for column, coding in analysis.contrasts.items()
                        if column in formula.columns
                    ),
                    besides=besides(plan, analysis, formula, outcome, moderator, improvements),
                )
                key = ModelKey(analysis.id, name, outcome, moderator)
                found.append(ModelTask(key, spec, tuple(analysis.report)))
    return tuple(found)


PARTS: tuple[Part, ...] = ("emmeans", "contrasts", "anova", "effect_size")
PROBED: tuple[Part, ...] = ("slopes", "johnson_neyman")


def besides(
    plan: Plan,
    analysis: Analysis,
    formula: Formula,
    outcome: str,
    moderator: str,
    improvements: Mapping[str, Improvement] | None = None,
) -> Besides | None:
    """What an analysis asks of one of its models besides the fit; None for nothing.

    Arm and time count as far as the formula's fixed effects have them.
    """
    parts: tuple[Part, ...] = tuple(part for part in PARTS if part in analysis.report)
    probe = analysis.probe if moderator else None
    if probe is not None:
        parts += PROBED if probe.johnson_neyman else PROBED[:1]
    parts += tuple(part for part in ("changes", *OBSERVED) if part in analysis.report)
    hypotheses = tuple(
        Hypothesis(
            name, coefficient_rows(one, outcome, moderator), one.equals or (0.0,) * len(one.rows)
        )
        for name, one in analysis.hypotheses.items()
    )
    if hypotheses:
        parts += ("hypotheses",)
    if not parts:
        return None
    arm, time = (
        DesignColumn(factor.column, factor.levels)
        if in_fixed_part(formula, factor.column)
        else None
        for factor in (plan.data.arm, plan.data.time)
    )
    observed = _observed(plan, analysis, outcome, improvements or {})
    weights = analysis.means.weights if analysis.means is not None else "equal"
    return Besides(
        *(parts, arm, time, weights, _unit(plan, analysis, outcome)),
        Probe(moderator, probe.at, plan.data.id, probe.alpha) if probe is not None else None,
        compare=(analysis.arms or ()) if arm is not None or observed is not None else (),
        observed=observed,
        hypotheses=hypotheses,
    )


def _observed(
    plan: Plan, analysis: Analysis, outcome: str, improvements: Mapping[str, Improvement]
) -> Observed | None:
    """The trial's columns, where the observed values are asked about."""
    if not set(OBSERVED) & set(analysis.report):
        return None
    rule = None
    if "responders" in analysis.report:
        asked = analysis.responder or Responder()
        direction = asked.direction or improvements.get(outcome)
        rule = ResponderRule(asked.percent, direction, asked.missing, asked.interval)
    arm, time = (DesignColumn(f.column, f.levels) for f in (plan.data.arm, plan.data.time))
    return Observed(plan.data.id, arm, time, outcome, rule)


def _unit(plan: Plan, analysis: Analysis, outcome: str) -> EffectUnit:
    asked = analysis.effect_size
    if asked is None:
        return EffectUnit()
    if asked.sd != "baseline":
        return EffectUnit(asked.sd, asked.value)
    column = baseline_column(analysis, outcome)
    return EffectUnit("baseline", None, column, plan.data.arm.column, plan.data.id)
