"""From a plan to its models: one task for each analysis, set, outcome and moderator."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from harness.language import names_in
from harness.language.formula import Formula
from harness.models.besides import (
    OBSERVED,
    Besides,
    DesignColumn,
    EffectUnit,
    LeaveOneOut,
    Part,
    Probe,
    Robust,
)
from harness.models.hypothesis import Hypothesis
from harness.models.imputation import Imputation
from harness.models.mean_terms import in_fixed_part
from harness.models.observed import Improvement, Observed, ResponderRule
from harness.models.scale import Scaled
from harness.models.spec import DfMethod, ModelKey, ModelSpec, ModelTask, Repeated
from harness.plan.besides import baseline_column
from harness.plan.check import combinations, filled
from harness.plan.hypotheses import coefficient_rows
from harness.plan.schema import Analysis, Plan
from harness.plan.sections.comparisons import Responder
from harness.plan.visits import visits_of


def tasks(
    plan: Plan, improvements: Mapping[str, Improvement] | None = None
) -> tuple[ModelTask, ...]:
    """Every model of a plan, in plan order: by analysis, then set, outcome and moderator, scale.

    Args:
        plan: as checked.
        improvements: which way outcomes improve where the plan does not say, by column; the
            codebook's. Without them no responders can be counted.
    """
    found: list[ModelTask] = []
    for analysis in plan.analyses:
        at = None
        repeated = _repeated(plan, analysis)
        if analysis.at is not None:
            at = DesignColumn(plan.data.time.column, visits_of(plan, analysis))
        for name in analysis.sets:
            for (outcome, moderator), scale in product(combinations(analysis), analysis.scales):
                scaled = None
                if scale != "raw":
                    scaled = Scaled(scale, outcome, plan.data.time.column, analysis.winsor or 0.05)
                column = outcome if scaled is None else scaled.column
                formula = filled(analysis, column, moderator)
                estimated = bool(formula.random) or repeated is not None
                df: DfMethod = analysis.df or ("satterthwaite" if estimated else "residual")
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
                    repeated=repeated,
                )
                label = outcome if scaled is None else scaled.label
                key = ModelKey(analysis.id, name, label, moderator)
                found.append(ModelTask(key, spec, tuple(analysis.report), scaled, at))
    return tuple(found)


def _repeated(plan: Plan, analysis: Analysis) -> Repeated | None:
    if analysis.kind != "mmrm":
        return None
    return Repeated(plan.data.id, plan.data.time.column, analysis.covariance or "un")


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

    Arm and time count as far as the formula's fixed effects have them, the time with the levels
    whose rows are used.
    """
    parts: tuple[Part, ...] = tuple(part for part in PARTS if part in analysis.report)
    probe = analysis.probe if moderator else None
    if probe is not None:
        parts += PROBED if probe.johnson_neyman else PROBED[:1]
    parts += tuple(part for part in ("changes", *OBSERVED) if part in analysis.report)
    if analysis.robust is not None:
        parts += ("robust",)
    if analysis.leave_one_out:
        parts += ("leave_one_out",)
    imputation = _imputation(plan, analysis, formula)
    if imputation is not None:
        parts += ("imputed",)
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
        DesignColumn(factor.column, levels) if in_fixed_part(formula, factor.column) else None
        for factor, levels in (
            (plan.data.arm, plan.data.arm.levels),
            (plan.data.time, visits_of(plan, analysis)),
        )
    )
    observed = _observed(plan, analysis, outcome, improvements or {})
    weights = analysis.means.weights if analysis.means is not None else "equal"
    each = LeaveOneOut(plan.data.id, plan.data.arm.column) if analysis.leave_one_out else None
    robust = None
    if analysis.robust is not None:
        robust = Robust(analysis.robust, plan.data.id if analysis.robust == "CR2" else "")
    return Besides(
        *(parts, arm, time, weights, _unit(plan, analysis, outcome)),
        Probe(moderator, probe.at, plan.data.id, probe.alpha, probe.control)
        if probe is not None
        else None,
        compare=(analysis.arms or ()) if arm is not None or observed is not None else (),
        observed=observed,
        robust=robust,
        leave_one_out=each,
        imputation=imputation,
        hypotheses=hypotheses,
    )


def _imputation(plan: Plan, analysis: Analysis, formula: Formula) -> Imputation | None:
    """The model's own predictors are among the covariates: else the draws would not know them."""
    asked = analysis.missing
    if asked is None:
        return None
    columns = (plan.data.id, plan.data.time.column, plan.data.arm.column)
    predictors = [n for term in formula.terms for node in term.factors for n in names_in(node)]
    every = dict.fromkeys((*predictors, *asked.covariates))
    return Imputation(
        *columns,
        covariates=tuple(name for name in every if name not in columns),
        reference=plan.data.arm.levels[0],
        baseline=plan.data.time.levels[0],
        imputations=asked.imputations,
        iterations=asked.iterations,
        seed=asked.seed,
        by_arm=asked.by_arm,
        delta=asked.delta,
        delta_arm=asked.delta_arm or "",
        jump=asked.reference_based == "jump",
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
