"""Estimates as a flat list of numbers, each under a key both engines can be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.estimates.quantities import FLAG_QUANTITIES
from harness.models.besides import ANSWERS
from harness.models.inference import Inferred, quantities
from harness.models.record import FIT_QUANTITIES, FIXED_QUANTITIES, Estimates, random_quantity

Value = float | int | bool


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """One number of one engine.

    Attributes:
        term: R's name of the coefficient or component; the grouping factor for ``n_groups``;
            empty for what belongs to the whole fit.
        quantity: which number of that term.
        value: the number, as the engine gave it.
        occurrence: 0, or how often this key has been seen before in the same answer; only a
            faulty engine names a term twice, and then the second must not hide the first.
    """

    term: str
    quantity: str
    value: Value
    occurrence: int = 0

    @property
    def key(self) -> tuple[str, str, int]:
        """What the join of two engines goes by."""
        return self.term, self.quantity, self.occurrence


def estimate_rows(estimates: Estimates) -> tuple[EstimateRow, ...]:
    """Every number of an engine's answer, in the order a reader expects them.

    Counts first (was it the same problem?), then coefficients, variance components, fit
    statistics and flags, and last what was asked besides. An adjusted p value stands behind the
    p value it is made of.
    """
    found: list[tuple[str, str, Value]] = [("", "n_obs", estimates.n_obs)]
    found += [(factor, "n_groups", count) for factor, count in estimates.groups.items()]
    for effect in estimates.fixed:
        found += [(effect.term, name, float(getattr(effect, name))) for name in FIXED_QUANTITIES]
    for part in estimates.random:
        found.append((part.term, random_quantity(part.term), float(part.estimate)))
    found += [("", name, float(getattr(estimates.fit, name))) for name in FIT_QUANTITIES]
    found += [("", name, bool(getattr(estimates, name))) for name in FLAG_QUANTITIES]
    for inferred in _besides(estimates):
        numbers = quantities(inferred)
        found += [(inferred.term, name, float(getattr(inferred, name))) for name in numbers]
    for adjusted in estimates.adjusted or ():
        own = (adjusted.term, "p_value")
        places = (k for k, row in enumerate(found, start=1) if row[:2] == own)
        place = next(places, len(found))
        found.insert(place, (adjusted.term, "p_adjusted", float(adjusted.p_adjusted)))

    seen: dict[tuple[str, str], int] = {}
    rows = []
    for term, quantity, value in found:
        occurrence = seen.get((term, quantity), 0)
        seen[term, quantity] = occurrence + 1
        rows.append(EstimateRow(term, quantity, value, occurrence))
    return tuple(rows)


def _besides(estimates: Estimates) -> Iterator[Inferred]:
    for field in ANSWERS:
        yield from getattr(estimates, field) or ()
