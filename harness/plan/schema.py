"""The plan: what is asked of a study, as typed, frozen values.

Shape only. What needs more than one value to judge (placeholders, names of sets, what this
version cannot compute) is in :mod:`harness.plan.check` and :mod:`harness.plan.scores`; what needs
the data is in :mod:`harness.data.check` and :mod:`harness.data.scores`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, PrivateAttr

from harness.plan.sections.comparisons import ArmPair, Responder
from harness.plan.sections.hypotheses import Hypothesis
from harness.plan.sections.imputation import Missing
from harness.plan.sections.markers import Censored, Detection, Outliers
from harness.plan.sections.patients import FlowColumns, SetRule
from harness.plan.sections.probing import EffectSizes, Means, Probe
from harness.plan.sections.questionnaires import Score
from harness.plan.sections.section import Line, Section

DfMethod = Literal["satterthwaite", "kenward-roger", "residual", "z"]
Kind = Literal["lmm", "ols", "ancova", "moderation", "mmrm", "tobit"]
Covariance = Literal["un", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "id", "diag"]
Report = Literal[
    "coefficients",
    "anova",
    "emmeans",
    "contrasts",
    "changes",
    "effect_size",
    "d_ppc2",
    "hedges_g",
    "responders",
    "random",
    "fit",
]
ContrastCoding = Literal["treatment", "sum", "helmert", "poly"]
RobustKind = Literal["HC3", "CR2"]
OutcomeScale = Literal["raw", "log", "rank", "winsor"]
ReferenceMode = Literal["auto", "live", "recorded"]
AdjustMethod = Literal["BH", "BY", "holm", "bonferroni", "none"]
AdjustFamily = Literal["analysis", "outcome", "moderator", "plan"]
AdjustTests = Literal["coefficients", "anova"]

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
RelativePath = Annotated[str, Field(min_length=1, max_length=1000)]


class StudyInfo(Section):
    """Which study this is."""

    id: Identifier = Field(description="Short name of the study; names its output folder.")
    title: str = Field(default="", max_length=500, description="One line for the report.")
    synthetic: bool = Field(
        default=False, description="True if the data are simulated; every report says so."
    )


class Factor(Section):
    """A column that is a factor of the design, with its levels in coding order."""

    column: Line = Field(description="Name of the column.")
    levels: tuple[str, ...] = Field(
        min_length=2,
        description="Levels in coding order; the first is the reference (arm) or baseline (time).",
    )


class DataSource(Section):
    """The data file, its codebook, and the columns that make it a trial."""

    file: RelativePath = Field(description="Data file (csv, tsv), relative to the plan.")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="Pins the data file; any other content is refused."
    )
    codebook: RelativePath = Field(description="Codebook (csv), relative to the plan.")
    id: Line = Field(description="Column that identifies the patient.")
    arm: Factor = Field(description="The randomised arm; its first level is the reference.")
    time: Factor = Field(description="The measurement time; its first level is baseline.")


class Gate(Section):
    """The data-quality gate."""

    suite: RelativePath = Field(description="Suite of rules (json), relative to the plan.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Values for the suite's parameters."
    )


class Adjust(Section):
    """Adjustment for multiple testing."""

    method: AdjustMethod = Field(
        description="BH: false discovery rate (Benjamini and Hochberg); BY: the same under any "
        "dependence (Benjamini and Yekutieli); holm, bonferroni: family-wise error; none: the "
        "tests are counted and not adjusted."
    )
    family: AdjustFamily = Field(
        default="analysis",
        description="Which tests of one analysis set are adjusted together: all of the analysis, "
        "those of an outcome or of a moderator, or those of all analyses that say `plan` with the "
        "same method.",
    )
    tests: AdjustTests = Field(
        default="coefficients",
        description="Of the term the analysis is about, the highest that holds the arm: its "
        "coefficients, or its F test (anova).",
    )
    groups: dict[Line, Annotated[tuple[Line, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Families of outcomes by a name of your own; each outcome is in one of them.",
    )


class Analysis(Section):
    """One analysis: a formula crossed with outcomes, moderators and analysis sets."""

    id: Identifier = Field(description="Name of the analysis in the diff table.")
    kind: Kind = Field(
        description="lmm: mixed model; ols, ancova: linear model; moderation: either, with "
        "`{moderator}` in the formula; mmrm: a covariance of each patient's residuals by time; "
        "tobit: linear model of an outcome censored from below."
    )
    formula: Line = Field(
        description="lme4 formula with the placeholders `{outcome}` and `{moderator}`; `{baseline}`"
        " and `{change}` of the outcome, `{arm_after}`: the arm, all alike at the first time."
    )
    at: tuple[Line, ...] | None = Field(
        default=None, min_length=1, description="Levels of time whose rows are used; default: all."
    )
    outcomes: tuple[Line, ...] = Field(min_length=1, description="Columns for `{outcome}`.")
    moderators: tuple[Line, ...] = Field(default=(), description="Columns for `{moderator}`.")
    sets: tuple[Line, ...] = Field(min_length=1, description="Names of analysis sets.")
    covariance: Covariance | None = Field(
        default=None,
        description="For mmrm, of a patient's residuals by time: un (any, default); cs, csh: one "
        "correlation; ar1, ar1h; toep, toeph: one a lag; id, diag: none. With h, and in diag and "
        "un, each time has its variance.",
    )
    reml: bool = Field(
        default=True, description="Restricted maximum likelihood (mixed models); false: ML."
    )
    df: DfMethod | None = Field(
        default=None,
        description="Denominator degrees of freedom: satterthwaite for mixed models and "
        "residual for linear models unless said otherwise.",
    )
    weights: Line | None = Field(
        default=None,
        description="Column of prior weights: the residual variance of a row is sigma^2 / weight.",
    )
    offset: Line | None = Field(
        default=None, description="Column that enters the mean with coefficient 1."
    )
    censored: Censored | None = Field(
        default=None, description="For tobit: which rows lie below the limit of detection."
    )
    contrasts: dict[Line, ContrastCoding] = Field(
        default_factory=dict,
        description="Column and coding of its factor, in every model that has it; all others have "
        "treatment contrasts.",
    )
    report: tuple[Report, ...] = Field(
        default=("coefficients", "random", "fit"), min_length=1, description="What is compared."
    )
    means: Means | None = Field(
        default=None, description="Marginal means: for emmeans, contrasts and effect_size."
    )
    effect_size: EffectSizes | None = Field(
        default=None, description="Unit of the effect sizes: for effect_size."
    )
    arms: tuple[ArmPair, ...] | None = Field(
        default=None,
        min_length=1,
        description="Planned contrasts: the pairs of arms that are compared, in order; default: "
        "each arm less the first.",
    )
    responder: Responder | None = Field(
        default=None, description="Who is a responder: for responders."
    )
    adjust: Adjust | None = Field(default=None, description="Adjustment for multiple testing.")
    probe: Probe | None = Field(default=None, description="Simple slopes of a moderation.")
    scales: tuple[OutcomeScale, ...] = Field(
        default=("raw",),
        min_length=1,
        description="Scales of the outcome on which the analysis is repeated: raw, as it is; log, "
        "natural; rank, over the rows of the set; winsor, the tails of each visit cut off.",
    )
    winsor: float | None = Field(
        default=None, gt=0, lt=0.5, description="For winsor: share of each tail; default 0.05."
    )
    leave_one_out: bool = Field(
        default=False,
        description="Repeat the analysis without each patient: how far the coefficients of the "
        "arm's term of the highest order, and their p values, move.",
    )
    robust: RobustKind | None = Field(
        default=None,
        description="Tests of the coefficients with robust errors besides: HC3 of linear models, "
        "rows with variances of their own; CR2, patients whose rows vary together as they like.",
    )
    missing: Missing | None = Field(default=None, description="Imputation of the outcome.")
    hypotheses: dict[Line, Hypothesis] = Field(
        default_factory=dict,
        description="Tests of sums of coefficients by a name of your own: factors by coefficient "
        "(R's names; `{moderator}` stands for the moderator), a list of such rows for one F test, "
        "or rows and what they equal.",
    )


class Reference(Section):
    """The reference engine."""

    engine: Literal["lme4"] = Field(default="lme4", description="Who gives the reference.")
    mode: ReferenceMode = Field(
        default="auto",
        description="live: what R answers; recorded: replay; auto: live if R is there.",
    )
    timeout: float = Field(default=120, gt=0, le=86400, description="Seconds for one model in R.")


class Plan(Section):
    """A study's analysis plan."""

    version: Literal[1] = Field(description="Version of this format.")
    study: StudyInfo
    data: DataSource
    gate: Gate
    sets: dict[str, SetRule] = Field(
        min_length=1,
        description="Analysis sets: name and condition, e.g. `arm == 'TAU' or sessions >= 6`, or "
        "what is asked of the patient's visits.",
    )
    scores: dict[str, Score] = Field(
        default_factory=dict,
        description="Questionnaires by a name of your own: their scores are computed from the "
        "answers, compared with the file's where it has them, and added where it has not.",
    )
    detection: dict[str, Detection] = Field(
        default_factory=dict,
        description="Markers with a limit of detection: what stands for values below it, before "
        "anything is derived.",
    )
    outliers: dict[str, Outliers] = Field(
        default_factory=dict,
        description="Columns without the outliers of others, by a name of your own; each is there "
        "for what is derived after the column that it is of.",
    )
    derive: dict[str, Line] = Field(
        default_factory=dict,
        description="Derived columns, in order: name and expression; baseline() and change() too.",
    )
    analyses: tuple[Analysis, ...] = Field(min_length=1)
    reference: Reference = Field(default_factory=Reference)
    flow: FlowColumns | None = Field(
        default=None, description="What the flow of patients is counted by."
    )
    published: RelativePath | None = Field(
        default=None, description="Published numbers (yaml), relative to the plan."
    )

    _path: Path | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The file this plan was loaded from."""
        return self._path


def plan_schema() -> dict[str, Any]:
    """The plan's JSON Schema (draft 2020-12), for editors to complete and check plans."""
    schema = Plan.model_json_schema()
    # YAML reads `levels: [0, 2, 3]` as numbers; the harness takes levels as they are spelled.
    schema["$defs"]["Factor"]["properties"]["levels"]["items"] = {
        "type": ["string", "number", "boolean"]
    }
    pair = schema["$defs"]["Analysis"]["properties"]["arms"]["anyOf"][0]["items"]
    for arm in pair["prefixItems"]:
        arm["type"] = ["string", "integer"]
    schema["$defs"]["Score"]["properties"]["version"]["anyOf"][0] = {"type": ["string", "integer"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "lmm-harness/plan-1.json",
        **schema,
        "title": "Plan of a study for lmm-harness",
    }
