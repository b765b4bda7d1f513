"""Which verdict wins where several could be given: the order of the README, written once."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.decision import flip_note, flips
from harness.compare.measure import Measured
from harness.compare.verdict import Verdict
from harness.estimates.table import Value


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is true of a whole model and decides about each of its numbers.

    Attributes:
        same_problem: whether tier T0 found the same problem on both sides.
        boundary: why some numbers of a boundary fit cannot be compared; empty inside.
        unclean: why the reference is not clean; empty if it is.
        alpha: level of the decisions.
    """

    same_problem: bool
    boundary: str
    unclean: str
    alpha: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A verdict, and what a person should know of it."""

    verdict: Verdict
    notes: tuple[str, ...]


def ranked(
    quantity: str, python: Value, r: Value, measured: Measured, within: bool, given: Circumstances
) -> Ranked:
    """The verdict of a number that both sides have.

    Args:
        quantity: which number.
        python: one side's value.
        r: the other's.
        measured: their difference in its unit.
        within: whether it is one that matches; digits printed may allow more than the limit.
        given: what is true of the model.
    """
    flipped = flips(quantity, python, r, given.alpha)
    notes = [flip_note(quantity, given.alpha)] if flipped else []
    if not given.same_problem:
        verdict = Verdict.DIFFERENT_MODEL
    elif not measured.comparable:
        notes.append(given.boundary)
        verdict = Verdict.BOUNDARY
    elif given.unclean and measured.tier == "T2":
        notes.append(f"reference not clean: {given.unclean}")
        verdict = Verdict.REFERENCE_NOT_CLEAN
    elif flipped and within and measured.tier == "T4":
        notes.append("within Monte-Carlo error: more imputations would settle it")
        verdict = Verdict.MATCH
    elif flipped:
        if within:
            notes.append("the numbers agree within their limit: a knife edge")
        verdict = Verdict.DECISION_FLIPS
    else:
        verdict = Verdict.MATCH if within else Verdict.DIFFERS
    return Ranked(verdict, tuple(notes))
