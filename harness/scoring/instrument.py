"""What a questionnaire is: its forms, their items, and the sums that are its scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

InstrumentName = Literal["FIQR", "FSDC", "HADS", "PCS", "PSS-10", "PIPS", "MISCI", "FFMQ", "SCS-SF"]
ScoreDirection = Literal["higher is worse", "higher is better"]
MissingRule = Literal["refuse", "prorate", "half", "one", "zero"]
"""What becomes of a sum with missing answers, part by part of the questionnaire.

``refuse``: missing. ``prorate``: sum times items over answers, from one answer up. ``half``: the
same where at least half of the items are answered. ``one``: the same where at most one is missing.
``zero``: a missing answer among others counts 0.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A score that sums answers.

    Attributes:
        name: of the score.
        items: item numbers from 1, in the order they are summed; empty where the key is not known.
        size: number of items.
        divisor: the score is the sum divided by this.
    """

    name: str
    items: tuple[int, ...]
    size: int
    divisor: int = 1


@dataclass(frozen=True, slots=True)
class Form:
    """One version of a questionnaire.

    Attributes:
        version: its name; empty for the only one.
        ranges: smallest and largest answer of each item, in the questionnaire's order.
        reversed: items that count low + high minus the answer.
        parts: scores that sum answers, in order.
        total: whether the parts add up to a score ``total``.
        case: boxes of part scores, each part's name with its smallest and largest value; a
            person inside one of them is a case.
    """

    version: str
    ranges: tuple[tuple[int, int], ...]
    reversed: tuple[int, ...]
    parts: tuple[Part, ...]
    total: bool
    case: tuple[tuple[tuple[str, int, int], ...], ...] = ()

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.ranges)

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of its scores: the parts, the total, the case."""
        names = [part.name for part in self.parts]
        return (*names, *(["total"] if self.total else []), *(["case"] if self.case else []))

    @property
    def keyed(self) -> bool:
        """Whether it is known which items each part sums."""
        return all(part.items for part in self.parts)

    def limits(self, score: str) -> tuple[float, float]:
        """Smallest and largest value of a score without missing answers."""
        if score == "case":
            return 0.0, 1.0
        chosen = self.parts if score == "total" and self.total else ()
        chosen = chosen or tuple(part for part in self.parts if part.name == score)
        low, high = (
            sum(sum(self.ranges[i - 1][end] for i in part.items) / part.divisor for part in chosen)
            for end in (0, 1)
        )
        return low, high

    def with_key(self, key: dict[str, tuple[int, ...]], turned: tuple[int, ...]) -> Form:
        """The form with another key: the items of each part, and the reversed ones."""
        parts = tuple(replace(part, items=key[part.name]) for part in self.parts)
        return replace(self, parts=parts, reversed=turned)


@dataclass(frozen=True, slots=True)
class Instrument:
    """A questionnaire.

    Attributes:
        name: as a plan calls it.
        title: its name in full.
        citation: where its scoring was published.
        direction: of its scores; empty where the plan must say.
        missing: the rules a plan may ask for; the first is the one where it asks for none.
        not_known: what to check before real answers are scored.
        forms: its versions; one of no name, or several of which a plan names one.
    """

    name: InstrumentName
    title: str
    citation: str
    direction: ScoreDirection | Literal[""]
    missing: tuple[MissingRule, ...]
    not_known: str
    forms: tuple[Form, ...]

    @property
    def versions(self) -> tuple[str, ...]:
        """The names of its forms; none where there is one form only."""
        return tuple(form.version for form in self.forms if form.version)

    def form(self, version: str | None) -> Form | None:
        """The form of that version, or None if there is no such form."""
        wanted = version or ""
        return next((form for form in self.forms if form.version == wanted), None)
