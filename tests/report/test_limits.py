"""The table of limits: what was used here, what anybody ever used, what is slack or new."""

from __future__ import annotations

from dataclasses import replace

from estimates_by_hand import KEY, pair, with_value

from harness.compare import CrossCheck, Policy, compare_model, default_policy
from harness.report.limits import LIMITS_HEADER, limit_lines


def policy(observed: float) -> Policy:
    base = default_policy()
    records = tuple(replace(t, observed=observed) for t in base.tolerances)
    return replace(base, tolerances=records)


def cells(observed: float, quantity: str, tier: str) -> dict[str, str]:
    python, r = pair()
    error = next(e.std_error for e in r.fixed if e.term == "week")
    python = with_value(python, "week", "std_error", error * (1 + 3e-9))
    rows = compare_model(KEY, python, r, CrossCheck(r.fit.criterion))
    lines = limit_lines(rows, policy(observed))
    (line,) = [x for x in lines if x.cells[:2] == (tier, quantity)]
    return dict(zip(LIMITS_HEADER, line.cells, strict=True))


def test_a_line_says_what_was_used_and_where() -> None:
    found = cells(5e-9, "std_error", "T2")
    assert found["largest here"] == "3e-09"
    assert found["of limit"] == "0.3 %"
    assert found["where"] == f"{KEY.place} week"
    assert found["largest ever"] == "5e-09"
    assert found["numbers"] == "4"
    assert found["remark"] == "slack"


def test_a_difference_larger_than_any_is_new() -> None:
    assert cells(1e-9, "std_error", "T2")["remark"] == "new"
    assert cells(5e-7, "std_error", "T2")["remark"] == ""
