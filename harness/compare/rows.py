"""One row of the diff table: one number, both sides, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.verdict import Verdict
from harness.estimates.table import Value
from harness.models.spec import ModelKey

COLUMNS = (
    "analysis",
    "set",
    "outcome",
    "moderator",
    "model",
    "term",
    "quantity",
    "python",
    "r",
    "published",
    "delta",
    "metric",
    "limit",
    "tier",
    "verdict",
    "df_method",
    "cause",
    "note",
)


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One number of one model.

    Attributes:
        analysis, set, outcome, moderator: which model of the plan.
        model: its formula.
        term: R's name of the term; empty for what belongs to the whole fit.
        quantity: which number of the term.
        python, r: the two values; None where that side has no such number.
        published: the printed string, where the study has a published table.
        delta: the difference, in ``metric``; never negative, infinite when only one side is a
            number, None when only one side has the row.
        metric, limit, tier: the unit, the largest difference that matches, the question asked.
        verdict: what came of it.
        df_method: of the model; ``a | b`` when the two sides used different ones.
        cause: the likely cause of a difference, where it is known.
        note: whatever a person should know before believing the row.
        exit_code: what a run must at least exit with because of this row; not a column.
        printed: whether the two agree only to the digits printed; not a column.
    """

    analysis: str
    set: str
    outcome: str
    moderator: str
    model: str
    term: str
    quantity: str
    python: Value | None
    r: Value | None
    published: str | None
    delta: float | None
    metric: str
    limit: float | None
    tier: str
    verdict: Verdict
    df_method: str
    cause: str
    note: str
    exit_code: int
    printed: bool = False

    @property
    def red(self) -> bool:
        """Whether a person has to look at it."""
        return self.verdict.red

    @property
    def share(self) -> float:
        """Difference as a share of its limit: 0 for none, inf for one that no limit allows."""
        if self.delta is None or self.limit is None:
            return float("nan")
        if self.delta == 0:
            return 0.0
        return self.delta / self.limit if self.limit > 0 else float("inf")

    @property
    def place(self) -> str:
        """The model as ``analysis/set/outcome[/moderator]``."""
        return ModelKey(self.analysis, self.set, self.outcome, self.moderator).place
