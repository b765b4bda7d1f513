"""What families of tests add to the diff table: the algebra of adjusting, and what it hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.compare.families import Adjusted
from harness.compare.fits import Fitted
from harness.compare.metrics import relative
from harness.compare.policy import Policy, default_policy
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.engines.multiplicity import Method, adjusted_p
from harness.models.record import Estimates
from harness.models.spec import ModelKey

Rows = tuple[DiffRow, ...]
_OTHERS: tuple[Method, ...] = ("none", "BH", "BY", "holm", "bonferroni")


def with_families(
    models: Iterable[Rows],
    fits: Sequence[Fitted],
    found: Iterable[Adjusted],
    policy: Policy | None = None,
) -> tuple[Rows, ...]:
    """The rows of every model, with what its families have to say.

    An adjusted p that is off because another test's p is says which; if those others are all
    boundary fits, whose p values cannot be compared, it cannot either.

    Args:
        models: of each fit, its rows.
        fits: in the same order.
        found: the plan's families.
        policy: the tolerances; the shipped policy if None.
    """
    policy = policy or default_policy()
    rows = {fitted.task.key: list(of) for fitted, of in zip(fits, models, strict=True)}
    labels = {fitted.task.key: _label(fitted) for fitted in fits}
    for adjusted in found:
        _settle(rows, adjusted)
        for key, row in (*_algebra(adjusted, labels, policy), *_missing(adjusted, labels)):
            rows[key].append(row)
    return tuple(tuple(rows[fitted.task.key]) for fitted in fits)


def _label(fitted: Fitted) -> tuple[str, str]:
    """Formula and df method, as the model's other rows have them."""
    for answer in (fitted.python, fitted.r):
        if isinstance(answer, Estimates):
            return answer.formula, answer.df_method
    return "", ""


def _settle(rows: dict[ModelKey, list[DiffRow]], adjusted: Adjusted) -> None:
    tests = set(adjusted.tests)
    keys = tuple(dict.fromkeys(key for key, _ in adjusted.tests))
    off = [
        (key, row)
        for key in keys
        for row in rows[key]
        if row.quantity == "p_value" and row.tier == "T2" and (key, row.term) in tests
        if row.delta is not None and row.limit is not None and not row.delta <= row.limit
    ]
    if not off:
        return
    undecided = all(row.verdict is Verdict.BOUNDARY for _, row in off)
    at_fault, first = off[0]
    more = f" and {len(off) - 1} more of its family" if len(off) > 1 else ""
    what = f"p of {first.term} in {at_fault.place}{more}"
    for key in keys:
        of_model = rows[key]
        for place, row in enumerate(of_model):
            if row.quantity != "p_adjusted" or (key, row.term) not in tests:
                continue
            if row.verdict not in (Verdict.DIFFERS, Verdict.DECISION_FLIPS):
                continue
            if undecided:
                note = f"{row.note}; hangs on {what}, which cannot be compared (boundary fit)"
                of_model[place] = replace(
                    row, verdict=Verdict.BOUNDARY, exit_code=0, cause="", note=note
                )
            elif not row.cause:
                of_model[place] = replace(row, cause=f"hangs on {what}, which is off")


def _algebra(
    adjusted: Adjusted, labels: dict[ModelKey, tuple[str, str]], policy: Policy
) -> Iterable[tuple[ModelKey, DiffRow]]:
    """Tier T1: Python's adjustment of R's p values beside R's; the test nearest to the limit."""
    r, method = adjusted.r, adjusted.family.method
    if not r.p_adjusted:
        return
    tolerance = policy.find("p_adjusted", "T1")
    ours = adjusted_p(r.p_values, method).tolist()
    apart = [relative(a, b) for a, b in zip(ours, r.p_adjusted, strict=True)]
    limit = tolerance.limit_at(1.0)
    nearest = max(range(len(apart)), key=apart.__getitem__)
    cause = "" if apart[nearest] <= limit else _other_method(adjusted, limit)
    for place, delta in enumerate(apart):
        if place != nearest and delta <= limit:
            continue
        key, term = adjusted.tests[place]
        verdict = Verdict.MATCH if delta <= limit else Verdict.DIFFERS
        note = f"python's {adjusted.sentence}, of r's p values, the nearest to its limit"
        if verdict is Verdict.DIFFERS:
            note = f"the adjustments disagree over the same p values ({adjusted.sentence})"
        yield (
            key,
            _row(
                *(key, labels[key], term, ours[place], r.p_adjusted[place], verdict, note),
                delta=delta,
                limit=limit,
                cause=cause,
            ),
        )


def _other_method(adjusted: Adjusted, limit: float) -> str:
    """Which other method gives R's adjusted p values, where one does."""
    r = adjusted.r
    for method in _OTHERS:
        ours = adjusted_p(r.p_values, method).tolist()
        if all(relative(a, b) <= limit for a, b in zip(ours, r.p_adjusted, strict=True)):
            return f"r adjusted by {method}, not {adjusted.family.method}"
    return "algebra: not the same adjustment of the same p values"


def _missing(
    adjusted: Adjusted, labels: dict[ModelKey, tuple[str, str]]
) -> Iterable[tuple[ModelKey, DiffRow]]:
    """One row, in the first model at fault, for a family that a side could not adjust."""
    missing = adjusted.missing
    if not missing:
        return
    reasons = dict.fromkeys(why.reason for _, why in missing)
    sides = " and ".join(name for name, _ in missing)
    key = missing[0][1].key
    name = f"{adjusted.family.method} of {adjusted.family.of}"
    note = f"no adjusted p ({sides}): {'; '.join(reasons)}"
    code = max(why.exit_code for _, why in missing)
    row = _row(key, labels[key], name, None, None, Verdict.NOT_COMPUTED, note)
    yield key, replace(row, tier="T2", exit_code=code, metric="")


def _row(
    key: ModelKey,
    label: tuple[str, str],
    term: str,
    python: float | None,
    r: float | None,
    verdict: Verdict,
    note: str,
    *,
    delta: float | None = None,
    limit: float | None = None,
    cause: str = "",
) -> DiffRow:
    return DiffRow(
        *(key.analysis, key.set, key.outcome, key.moderator, label[0], term, "p_adjusted"),
        python=python,
        r=r,
        published=None,
        delta=delta,
        metric="relative",
        limit=limit,
        tier="T1",
        verdict=verdict,
        df_method=label[1],
        cause=cause,
        note=note,
        exit_code=verdict.exit_code,
    )
