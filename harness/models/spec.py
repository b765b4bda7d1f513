"""What is asked of an engine: a formula and the choices that decide the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from harness.language.formula import Formula
from harness.models.besides import Besides, DesignColumn
from harness.models.contrasts import Coding
from harness.models.scale import Scaled

DfMethod = Literal["satterthwaite", "kenward-roger", "residual", "z"]
Method = Literal["lmer", "lm", "mmrm", "survreg"]
"""Which question to R fits a model; the port has a way of its own for each."""
Covariance = Literal["un", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "id", "diag"]
"""Of residuals by visit; ``harness/engines/port/repeated/README.md`` says what each is."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Residuals of one subject have a covariance by visit; those of different ones have none.

    Attributes:
        subject: column of the subjects.
        visit: column of the visits, ordered as its levels or numbers are.
        covariance: its structure.
    """

    subject: str
    visit: str
    covariance: Covariance = "un"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model, as asked, before any data are seen.

    Attributes:
        formula: parsed formula; without random terms the model is an ordinary linear model.
        reml: restricted maximum likelihood if true, else maximum likelihood (ignored by ``lm``).
        df_method: denominator degrees of freedom of the coefficient tests.
        conf_level: level of the Wald-t intervals.
        weights: column of prior weights, ``Var(e_i) = sigma^2 / w_i``; empty for none.
        offset: column that enters the mean with coefficient 1; empty for none.
        contrasts: columns whose factors are not coded by treatment contrasts, and how.
        censored: column that is 1 in the rows whose response is a limit that the value lies below,
            0 in the others; empty where every value is seen.
        besides: what is asked of the same fit besides its numbers; None for nothing.
        repeated: the residuals' covariance by visit; None where they are independent.

    Factor levels and their order are not here: they are the categorical dtypes of the frame.
    """

    formula: Formula
    reml: bool = True
    df_method: DfMethod = "satterthwaite"
    conf_level: float = 0.95
    weights: str = ""
    offset: str = ""
    contrasts: tuple[tuple[str, Coding], ...] = ()
    besides: Besides | None = None
    repeated: Repeated | None = None
    censored: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every data column the model needs, response first, each once."""
        extra = tuple(name for name in (self.weights, self.offset, self.censored) if name)
        if self.repeated is not None:
            extra += (self.repeated.subject, self.repeated.visit)
        extra += self.besides.columns if self.besides is not None else ()
        return tuple(dict.fromkeys(self.formula.columns + extra)) if extra else self.formula.columns

    @property
    def mixed(self) -> bool:
        """Whether the model has random effects."""
        return bool(self.formula.random)

    @property
    def method(self) -> Method:
        """By which method the model is fitted."""
        if self.repeated is not None:
            return "mmrm"
        if self.censored:
            return "survreg"
        return "lmer" if self.mixed else "lm"


@dataclass(frozen=True, slots=True)
class ModelKey:
    """Which model of a plan this is: the first columns of the diff table."""

    analysis: str
    set: str
    outcome: str
    moderator: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """Analysis, set, outcome and, where there is one, moderator."""
        return tuple(
            part for part in (self.analysis, self.set, self.outcome, self.moderator) if part
        )

    @property
    def place(self) -> str:
        """The model as ``analysis/set/outcome[/moderator]``."""
        return "/".join(self.parts)

    @property
    def slug(self) -> str:
        """A readable id that is also a file name, ``efficacy.ITT.bdi``; no two keys share one.

        Other characters than letters, digits and ``-_~`` are spelt as in a URL, ``%2E``.
        """
        parts = [self.analysis, self.set, self.outcome]
        if self.moderator:
            parts.append(self.moderator)
        return ".".join(_spelt(part) for part in parts)


def _spelt(part: str) -> str:
    return quote(part, safe="").replace(".", "%2E")


@dataclass(frozen=True, slots=True)
class ModelTask:
    """One model of a plan with its place in the table.

    Attributes:
        key: the place.
        spec: the model.
        report: the parts of a report that the plan names.
        scaled: the outcome's scale, whose column the rows of the set get; None for its own.
        at: column of the time and those of its levels whose rows are used; None for all rows.
    """

    key: ModelKey
    spec: ModelSpec
    report: tuple[str, ...] = ("coefficients", "random", "fit")
    scaled: Scaled | None = None
    at: DesignColumn | None = None
