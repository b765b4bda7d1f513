"""What an engine answers: the same record whoever computed it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any

from harness.models.inference import (
    AdjustedP,
    ChangeSize,
    EffectSize,
    GroupSize,
    LeftOut,
    LowerBound,
    MarginalMean,
    MeanContrast,
    PooledEffect,
    Responders,
    RiskDifference,
    RobustTest,
    SimpleSlope,
    TermTest,
    UpperBound,
)


@dataclass(frozen=True, slots=True)
class FixedEffect:
    """One row of the coefficient table, in the outcome's unit; ``df`` is inf for a z test."""

    term: str
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


FIXED_QUANTITIES = tuple(f.name for f in fields(FixedEffect) if f.name != "term")
RANDOM_QUANTITIES = ("sd", "cor", "sigma")
FIT_QUANTITIES = ("loglik", "criterion", "aic", "bic")


@dataclass(frozen=True, slots=True)
class RandomEffect:
    """``sd(g:x)``, ``cor(g:x,z)`` or ``sigma``; standard deviations in the outcome's unit.

    Residuals by visit are ``sd(id:time=pre)`` and ``cor(id:time=pre,time=post)``.
    """

    term: str
    estimate: float


def random_quantity(term: str) -> str:
    """``sd``, ``cor`` or ``sigma``, by the form of a random-effects term.

    Raises:
        ValueError: for any other form.
    """
    if term == "sigma":
        return "sigma"
    for quantity in ("sd", "cor"):
        if term.startswith(f"{quantity}(") and term.endswith(")"):
            return quantity
    raise ValueError(f"random term `{term}` is none of sd(g:x), cor(g:x,z), sigma")


@dataclass(frozen=True, slots=True)
class FitStatistics:
    """``criterion`` is the REML criterion, or minus twice the log-likelihood (ML and ``lm``)."""

    criterion: float
    loglik: float
    aic: float
    bic: float


UNSAID = {"unsaid": "where it is None"}
"""Marks a field that JSON leaves out where it is None, as it was before there was such a field."""


@dataclass(frozen=True, slots=True)
class ColumnPrint:
    """A column of X (or the response) reduced to what settles equality.

    Attributes:
        name: R's column name.
        sha256: of the little-endian doubles, with -0.0 written as 0.0.
        total: plain sum of the entries, correctly rounded (``math.fsum``).
        moment: correctly rounded sum of entry times its 1-based row number.
        size: correctly rounded sum of the absolute entries, the scale on which ``total`` and
            ``moment`` are judged (a centred column sums to rounding noise); NaN if not given.
    """

    name: str
    sha256: str
    total: float
    moment: float
    size: float = math.nan


@dataclass(frozen=True, slots=True)
class ProblemPrint:
    """Tier T0: the mathematical problem an engine says it solved.

    Attributes:
        n_obs: rows used after omission of incomplete rows.
        groups: number of levels present of each grouping factor.
        levels: levels present of each factor in X, in coding order.
        x: one print a column of X, in order.
        y: print of the response.
        z: one print a grouping factor: the 1-based level codes, levels in order of the factor; of a
            model by visit those of subject and visit.
        reml: which criterion.
        weights: print of the prior weights, where there are any.
        offset: print of the offset, where there is one; named by all it is the sum of.
        censored: print of the flags of censored rows, where there are any.
    """

    n_obs: int
    groups: dict[str, int]
    levels: dict[str, tuple[str, ...]]
    x: tuple[ColumnPrint, ...]
    y: ColumnPrint
    z: tuple[ColumnPrint, ...]
    reml: bool
    weights: ColumnPrint | None = field(default=None, metadata=UNSAID)
    offset: ColumnPrint | None = field(default=None, metadata=UNSAID)
    censored: ColumnPrint | None = field(default=None, metadata=UNSAID)


@dataclass(frozen=True, slots=True)
class ReferenceQuality:
    """How far a fit deserves to be a reference (numerics: two optimisers, clean log, polish).

    Attributes:
        clean: whether nothing below speaks against it.
        reasons: why not, in words; empty when clean.
        optimizers, criterion_gap: those that ran; by how many deviance units their criteria differ.
        polish_steps: Newton steps accepted after the tight fit.
        gradient_norm: largest |gradient| of the criterion at the end (NaN on the boundary).
        evaluations: criterion evaluations of the first optimiser.
        df_error: share of any Satterthwaite df that rounding may have left wrong; None if not said.
    """

    clean: bool
    reasons: tuple[str, ...] = ()
    optimizers: tuple[str, ...] = ()
    criterion_gap: float = math.nan
    polish_steps: int = 0
    gradient_norm: float = math.nan
    evaluations: int = 0
    df_error: float | None = field(default=None, metadata=UNSAID)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """An estimate with its error, in the outcome's unit; nothing that hangs on df."""

    term: str
    estimate: float
    std_error: float


@dataclass(frozen=True, slots=True)
class AtTheta:
    """The algebra at one theta: everything follows from it, nothing is optimised.

    Attributes:
        place: ``start`` (where lme4 begins its search) or ``asked``.
        theta: covariance parameters, in the order of ``Estimates.theta``.
        criterion: REML criterion, or minus twice the log-likelihood.
        sigma: residual standard deviation.
        coefficients: with errors that no df method has adjusted.
    """

    place: str
    theta: tuple[float, ...]
    criterion: float
    sigma: float
    coefficients: tuple[Coefficient, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """What the same program prints with every option at its default, never a reference.

    Attributes:
        messages: what it said, its refusal last where there are no numbers.
        fixed, random: its tables; empty where it refused.
        criterion, theta, singular: where its search ended.
    """

    messages: tuple[str, ...]
    fixed: tuple[FixedEffect, ...] = ()
    random: tuple[RandomEffect, ...] = ()
    criterion: float = math.nan
    theta: tuple[float, ...] = ()
    singular: bool = False


@dataclass(frozen=True, slots=True)
class Estimates:
    """Every number one engine gives for one model.

    Attributes:
        engine: ``port``, ``lme4``, ``lm`` ...
        groups: number of levels of each grouping factor; empty for a linear model.
        singular: whether the fit lies on the boundary (a diagonal of Lambda's factors below 1e-4).
        messages: the engine's own warnings and messages, as data.
        theta: covariance parameters, lme4's order (lower triangles by column, relative to sigma);
            of a model by visit, which has no sigma, the lower triangle by column of the Cholesky
            factor of the covariance, whatever its structure.
        min_eigen: smallest singular value of the relative covariance factor; NaN for ``lm``.
        problem: tier T0 print of what was solved, where the engine gives one.
        quality: reference quality, where the engine is a reference.
        versions: name -> version of whatever computed it.
        vcov: (p, p) covariance of the coefficients, in their order, where the engine gives it.
        vcov_adjusted: the same as Kenward and Roger adjust it, where that is the df method.
        elsewhere: the algebra at other thetas, where the engine gives it.
        reported: what it prints with its defaults, where this is not such an answer already.
        emmeans, contrasts, anova, effect_sizes, slopes, lower_bounds, upper_bounds, d_ppc2,
            hedges_g, responders, risk_differences, hypotheses, joint_hypotheses: what was asked
            besides; None where it was not.
        robust, leave_one_out: likewise, tests with robust errors, estimates without each patient.
        imputed: likewise, coefficients pooled over imputations of the outcome.
        refused: of those, by part, why it could not be answered; the part is then empty.
        adjusted: p values adjusted over the families of a plan, which are known only when every
            model is fitted; None where none were.
    """

    engine: str
    formula: str
    reml: bool
    df_method: str
    n_obs: int
    groups: dict[str, int]
    singular: bool
    converged: bool
    messages: tuple[str, ...]
    fixed: tuple[FixedEffect, ...]
    random: tuple[RandomEffect, ...]
    fit: FitStatistics
    theta: tuple[float, ...] = ()
    min_eigen: float = math.nan
    problem: ProblemPrint | None = None
    quality: ReferenceQuality | None = None
    versions: dict[str, str] = field(default_factory=dict)
    vcov: tuple[tuple[float, ...], ...] | None = field(default=None, metadata=UNSAID)
    vcov_adjusted: tuple[tuple[float, ...], ...] | None = field(default=None, metadata=UNSAID)
    elsewhere: tuple[AtTheta, ...] | None = field(default=None, metadata=UNSAID)
    reported: Reported | None = field(default=None, metadata=UNSAID)
    emmeans: tuple[MarginalMean, ...] | None = field(default=None, metadata=UNSAID)
    contrasts: tuple[MeanContrast, ...] | None = field(default=None, metadata=UNSAID)
    anova: tuple[TermTest, ...] | None = field(default=None, metadata=UNSAID)
    effect_sizes: tuple[EffectSize, ...] | None = field(default=None, metadata=UNSAID)
    slopes: tuple[SimpleSlope, ...] | None = field(default=None, metadata=UNSAID)
    lower_bounds: tuple[LowerBound, ...] | None = field(default=None, metadata=UNSAID)
    upper_bounds: tuple[UpperBound, ...] | None = field(default=None, metadata=UNSAID)
    d_ppc2: tuple[ChangeSize, ...] | None = field(default=None, metadata=UNSAID)
    hedges_g: tuple[GroupSize, ...] | None = field(default=None, metadata=UNSAID)
    responders: tuple[Responders, ...] | None = field(default=None, metadata=UNSAID)
    risk_differences: tuple[RiskDifference, ...] | None = field(default=None, metadata=UNSAID)
    robust: tuple[RobustTest, ...] | None = field(default=None, metadata=UNSAID)
    leave_one_out: tuple[LeftOut, ...] | None = field(default=None, metadata=UNSAID)
    imputed: tuple[PooledEffect, ...] | None = field(default=None, metadata=UNSAID)
    hypotheses: tuple[MeanContrast, ...] | None = field(default=None, metadata=UNSAID)
    joint_hypotheses: tuple[TermTest, ...] | None = field(default=None, metadata=UNSAID)
    refused: dict[str, str] | None = field(default=None, metadata=UNSAID)
    adjusted: tuple[AdjustedP, ...] | None = field(default=None, metadata=UNSAID)


@dataclass(frozen=True, slots=True)
class NotComputed:
    """An engine's refusal or failure on one model; the table shows it, nothing is dropped.

    Attributes:
        engine: who did not answer.
        reason: one line, for a person.
        exit_code: what the run must at least exit with because of it.
    """

    engine: str
    reason: str
    exit_code: int = 4


Answer = Estimates | NotComputed


def as_json(value: Any) -> Any:
    """Estimates (or any part of it) as plain JSON types; non-finite numbers become strings.

    JSON has no infinities: ``inf``, ``-inf`` and ``nan`` are written as ``"Inf"``, ``"-Inf"``
    and ``null``, the spelling R's jsonlite reads back.
    """
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else _spelt(value)
    if value is None or kind in _PLAIN:
        return value
    if is_dataclass(kind):
        named = ((name, unsaid, getattr(value, name)) for name, unsaid in _named(kind))
        return {name: as_json(v) for name, unsaid, v in named if v is not None or not unsaid}
    if isinstance(value, dict):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return _spelt(value)
    return value


_PLAIN = frozenset((str, int, bool))


@cache
def _named(kind: type) -> tuple[tuple[str, bool], ...]:
    """The fields of a dataclass, and whether each is left out where it is None."""
    return tuple((f.name, bool(f.metadata)) for f in fields(kind))


def _spelt(value: float) -> str | None:
    """A number that is not finite."""
    return None if math.isnan(value) else "Inf" if value > 0 else "-Inf"
