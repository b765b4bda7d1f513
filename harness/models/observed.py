"""What is asked of the observed values: standardised differences and responders, model or not.

The names of their rows are here, so that both sides' answers meet in one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.models.mean_terms import spelt

if TYPE_CHECKING:
    from harness.models.besides import DesignColumn

Improvement = Literal["lower", "higher"]
"""Which way a patient improves."""
MissingPatients = Literal["nonresponder", "exclude"]
RiskInterval = Literal["newcombe", "wald"]
Pairs = tuple[tuple[int, int], ...]
"""Positions of the arms compared, the first less the second."""


@dataclass(frozen=True, slots=True)
class ResponderRule:
    """Who is a responder, and what becomes of patients of whom it is not known.

    Attributes:
        percent: of the patient's own first value, by which the outcome improves at least.
        direction: ``lower`` or ``higher``; None where nobody said, which no engine answers.
        missing: ``nonresponder`` counts every patient of the arm, ``exclude`` those known.
        interval: of the risk difference.
    """

    percent: float = 20.0
    direction: Improvement | None = None
    missing: MissingPatients = "nonresponder"
    interval: RiskInterval = "newcombe"

    def as_json(self) -> dict[str, Any]:
        """As ``r_reference/observed.R`` reads it."""
        return {
            "percent": float(self.percent),
            "direction": self.direction or "",
            "missing": self.missing,
            "interval": self.interval,
        }


@dataclass(frozen=True, slots=True)
class Observed:
    """The columns of a trial in long form, and how responders are counted in it.

    Attributes:
        patient: column that identifies them.
        arm, time: with the levels; the first time is the baseline.
        outcome: column of which responders are counted.
        responder: how, where they are asked for.
    """

    patient: str
    arm: DesignColumn
    time: DesignColumn
    outcome: str
    responder: ResponderRule | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The data columns that are needed."""
        return (self.patient, self.arm.column, self.time.column, self.outcome)

    def as_json(self) -> dict[str, Any]:
        """As ``r_reference/observed.R`` reads it."""
        found: dict[str, Any] = {"patient": self.patient, "outcome": self.outcome}
        for name, column in (("arm", self.arm), ("time", self.time)):
            found[name] = {"column": column.column, "levels": list(column.levels)}
            if column.numbers is not None:
                found[name]["numbers"] = list(column.numbers)
        if self.responder is not None:
            found["responder"] = self.responder.as_json()
        return found

    def difference(self, pair: tuple[int, int]) -> str:
        """A pair of arms: ``MBSR - TAU``."""
        return " - ".join(spelt(self.arm.levels[arm]) for arm in pair)

    def at(self, time: int) -> str:
        """A time: ``time=post``."""
        return f"{spelt(self.time.column)}={spelt(self.time.levels[time])}"

    def change(self, time: int) -> str:
        """A change since the first time: ``post - pre``."""
        return f"{spelt(self.time.levels[time])} - {spelt(self.time.levels[0])}"

    def comparisons(self, pairs: Pairs) -> Iterator[tuple[int, tuple[int, int]]]:
        """Time and pair of arms of each comparison: at every time after the first, in order."""
        for time in range(1, len(self.time.levels)):
            for pair in pairs:
                yield time, pair

    def d_ppc2_term(self, time: int, pair: tuple[int, int]) -> str:
        """``d_ppc2((MBSR - TAU) x (post - pre))``."""
        return f"d_ppc2(({self.difference(pair)}) x ({self.change(time)}))"

    def hedges_g_term(self, time: int, pair: tuple[int, int]) -> str:
        """``hedges_g(MBSR - TAU | time=post)``."""
        return f"hedges_g({self.difference(pair)} | {self.at(time)})"

    def responders_term(self, time: int, arm: int) -> str:
        """``responders(arm=MBSR | time=post)``."""
        level = spelt(self.arm.levels[arm])
        return f"responders({spelt(self.arm.column)}={level} | {self.at(time)})"

    def risk_term(self, time: int, pair: tuple[int, int]) -> str:
        """``responders(MBSR - TAU | time=post)``."""
        return f"responders({self.difference(pair)} | {self.at(time)})"

    def compared_arms(self, pairs: Pairs) -> list[int]:
        """The arms that a pair has, by their order."""
        return sorted({arm for pair in pairs for arm in pair})
