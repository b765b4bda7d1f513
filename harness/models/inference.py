"""Rows of an answer that follow from the fit: means, contrasts, tests of terms, effect sizes.

The names of the fields are those of the quantities in the diff table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class MarginalMean:
    """An estimated marginal mean in the outcome's unit; all NaN where there is none."""

    term: str
    emmean: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class MeanContrast:
    """A contrast of means, or of coefficients, in the outcome's unit; NaN where not estimable.

    ``statistic`` is the contrast less what it is by the hypothesis, zero unless said otherwise,
    over its standard error.
    """

    term: str
    contrast: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class TermTest:
    """An F test: of a term by type III, ``anova(arm:time)``, or of a hypothesis of several rows.

    ``num_df`` is 0 where others determine the term.
    """

    term: str
    num_df: float
    den_df: float
    f_value: float
    p_value: float


@dataclass(frozen=True, slots=True)
class EffectSize:
    """A contrast of marginal means divided by ``sd``, in its name; ``sd`` is taken as known."""

    term: str
    d: float
    d_low: float
    d_high: float
    sd: float


@dataclass(frozen=True, slots=True)
class SimpleSlope:
    """An effect at a value of its moderator, in the outcome's unit."""

    term: str
    slope: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class LowerBound:
    """The smaller bound of a Johnson-Neyman region; NaN where the region has none.

    ``std_error`` is the change of the moderator that moves t by one, the unit in which a bound is
    known; ``df`` are those of the effect there.
    """

    term: str
    jn_low: float
    std_error: float
    df: float


@dataclass(frozen=True, slots=True)
class UpperBound:
    """The larger bound; else as :class:`LowerBound`."""

    term: str
    jn_high: float
    std_error: float
    df: float


@dataclass(frozen=True, slots=True)
class ChangeSize:
    """Morris' d_ppc2 of observed values: a difference of changes in SDs of the first time.

    ``rho`` is the correlation of first and later value within arms; ``n_first`` and ``n_second``
    count the patients with both values. What does not exist is NaN.
    """

    term: str
    smd: float
    smd_se: float
    smd_low: float
    smd_high: float
    rho: float
    n_first: float
    n_second: float


@dataclass(frozen=True, slots=True)
class GroupSize:
    """Hedges' g of observed values at one time; patients of each arm are counted."""

    term: str
    smd: float
    smd_low: float
    smd_high: float
    n_first: float
    n_second: float


@dataclass(frozen=True, slots=True)
class Responders:
    """Responders of an arm at a time, all counts of patients.

    ``patients`` is the denominator; ``incomplete`` lack the first or the later value,
    ``not_positive`` have a first value of which no percentage can be taken.
    """

    term: str
    responders: float
    patients: float
    incomplete: float
    not_positive: float


@dataclass(frozen=True, slots=True)
class RiskDifference:
    """Share of responders in one arm less that in another, and one over it.

    ``nnt`` is positive for benefit and negative for harm; ``nnt_low`` and ``nnt_high`` are one
    over ``rd_high`` and ``rd_low``. Where ``nnt_high < 0 < nnt_low`` the interval runs from
    ``nnt_low`` up through infinity to ``nnt_high``.
    """

    term: str
    risk_difference: float
    rd_low: float
    rd_high: float
    nnt: float
    nnt_low: float
    nnt_high: float
    fisher_p: float


@dataclass(frozen=True, slots=True)
class AdjustedP:
    """The p value of a term, adjusted with all others of its family.

    Attributes:
        term: the coefficient, or ``anova(term)``, whose p value it is.
        p_adjusted: the adjusted p value.
        method: ``BH``, ``BY``, ``holm`` or ``bonferroni``.
        family: what the family's tests are of: ``moderation in ITT``.
        tests: how many tests the family has.
        decided_by: the p value of the family that decides this one.
    """

    term: str
    p_adjusted: float
    method: str
    family: str
    tests: int
    decided_by: float

    @property
    def sentence(self) -> str:
        """``BH over 147 tests of moderation in ITT``."""
        return f"{self.method} over {self.tests} tests of {self.family}"


@dataclass(frozen=True, slots=True)
class RobustTest:
    """A coefficient's test with robust errors, ``CR2(armMBSR:timepost)``, in the outcome's unit."""

    term: str
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An end of a coefficient's range, ``leave-one-out(armMBSR:timepost), lowest``.

    Attributes:
        term: whose, and which end.
        estimate: the lowest or highest when one patient is left out, in the outcome's unit.
        std_error: the jackknife's over patients, in the same unit.
        p_value: the lowest or highest.
        without: the patient whose leaving gives the estimate.
        p_without: the patient whose leaving gives the p value; empty where there is none.
    """

    term: str
    estimate: float
    std_error: float
    p_value: float
    without: str
    p_without: str


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """Monte-Carlo standard errors of a pooled coefficient's numbers, each in the number's unit."""

    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class PooledEffect:
    """A coefficient pooled over imputations, in the outcome's unit, with Monte-Carlo errors."""

    term: str
    estimate: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    mcse: MonteCarlo


def df_method_of(term: str, df_method: str) -> str:
    """By which method the degrees of freedom of a row's tests are: the model's, or CR2's own."""
    return "CR2" if term.startswith("CR2(") else df_method


Inferred = (
    MarginalMean
    | MeanContrast
    | TermTest
    | EffectSize
    | SimpleSlope
    | LowerBound
    | UpperBound
    | ChangeSize
    | GroupSize
    | Responders
    | RiskDifference
    | RobustTest
    | LeftOut
    | PooledEffect
)
_NO_NUMBER_OF_ITS_OWN = ("term", "sd", "mcse", "without", "p_without")
"""``sd`` is held by ``d`` and ``contrast`` together; a quantity of that name is a component's. Who
is the extreme patient hangs on the last digit where two are."""


def quantities(row: Inferred | type[Any]) -> tuple[str, ...]:
    """The quantities a kind of row has, in order."""
    return tuple(f.name for f in fields(row) if f.name not in _NO_NUMBER_OF_ITS_OWN)
