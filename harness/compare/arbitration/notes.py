"""The judgement in words, in the rows it settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.compare.arbitration.judge import Judgement
from harness.compare.arbitration.marginal import Marginal
from harness.compare.metrics import relative
from harness.compare.policy import Policy, default_policy
from harness.compare.rows import DiffRow

SETTLED = ("estimate", "std_error", "sigma", "criterion")
"""Quantities that follow from the variance components."""


def judged(
    rows: Sequence[DiffRow], judgement: Judgement, policy: Policy | None = None
) -> tuple[DiffRow, ...]:
    """The rows, with the likelihood's word in the ``note`` of the red ones it settles."""
    policy = policy or default_policy()
    sides = {"python": judgement.python, "r": judgement.r}
    places = {name: k for k, name in enumerate(judgement.names)}
    return tuple(
        _noted(row, places, sides, policy)
        if row.red and row.quantity in SETTLED and row.tier == "T2"
        else row
        for row in rows
    )


def _noted(
    row: DiffRow,
    places: Mapping[str, int],
    sides: Mapping[str, Marginal | None],
    policy: Policy,
) -> DiffRow:
    said = []
    if row.quantity in ("estimate", "std_error") and row.term not in places:
        return row
    for name, at in sides.items():
        value = row.python if name == "python" else row.r
        if at is None or value is None:
            continue
        truth = _truth(row, places, at)
        error = _error(row, float(value), truth, places, at)
        limit = policy.find(row.quantity, "T2").limit_at(abs(truth))
        if error <= limit:
            said.append(f"{name} as the likelihood has it")
        else:
            said.append(f"{name} off by {error:.2g} {_unit(row)} from {truth!r}")
    if not said:
        return row
    digits = max(at.digits for at in sides.values() if at is not None)
    how = f"{digits} digits" if digits else "doubles"
    verdict = f"third evaluator (marginal likelihood, {how}), at each side's own components: "
    better = _better(row, sides)
    notes = "; ".join(part for part in (row.note, verdict + ", ".join(said), better) if part)
    return replace(row, note=notes)


def _truth(row: DiffRow, places: Mapping[str, int], at: Marginal) -> float:
    if row.quantity == "criterion":
        return at.profiled
    if row.quantity == "sigma":
        return at.sigma
    values = at.beta if row.quantity == "estimate" else at.std_error
    return values[places[row.term]]


def _error(
    row: DiffRow, value: float, truth: float, places: Mapping[str, int], at: Marginal
) -> float:
    if row.quantity == "estimate":
        return abs(value - truth) / at.std_error[places[row.term]]
    if row.quantity == "criterion":
        return abs(value - truth)
    return relative(value, truth)


def _unit(row: DiffRow) -> str:
    return {"estimate": "SE", "criterion": "deviance"}.get(row.quantity, "relative")


def _better(row: DiffRow, sides: Mapping[str, Marginal | None]) -> str:
    """Whose components the likelihood prefers, for the criterion's row."""
    python, r = sides["python"], sides["r"]
    if row.quantity != "criterion" or python is None or r is None:
        return ""
    gap = r.criterion - python.criterion
    if gap == 0.0:
        return "both sides' components are equally likely"
    name = "python" if gap > 0 else "r"
    return f"{name}'s components have the lower criterion, by {abs(gap):.3g}"
