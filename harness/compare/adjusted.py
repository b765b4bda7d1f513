"""What two answers say of how their p values were adjusted: over what, and which p decides."""

from __future__ import annotations

from dataclasses import dataclass

from harness.models.inference import AdjustedP
from harness.models.record import Estimates


@dataclass(frozen=True, slots=True)
class HowAdjusted:
    """How the p value of a term was adjusted on both sides.

    Attributes:
        note: in words, for the reader of the adjusted p.
        cause: what the sides did differently; empty where they say the same.
    """

    note: str
    cause: str = ""


def deciding(python: Estimates, r: Estimates) -> dict[str, tuple[float, ...]]:
    """By term, the p values of the family that decide its adjusted p, one a side that has it."""
    found: dict[str, tuple[float, ...]] = {}
    for side in (python, r):
        for row in side.adjusted or ():
            found[row.term] = (*found.get(row.term, ()), row.decided_by)
    return found


def how_adjusted(python: Estimates, r: Estimates) -> dict[str, HowAdjusted]:
    """How each term that both sides adjusted was adjusted."""
    left, right = ({row.term: row for row in side.adjusted or ()} for side in (python, r))
    return {term: _how(left[term], right[term]) for term in left if term in right}


def _how(python: AdjustedP, r: AdjustedP) -> HowAdjusted:
    ours, theirs = (f"{row.method} over {row.tests} tests" for row in (python, r))
    if ours != theirs:
        return HowAdjusted("", f"adjusted otherwise: {ours} (python), {theirs} (r)")
    return HowAdjusted(python.sentence)
