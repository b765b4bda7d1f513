"""The largest difference that matched, by record; a ratchet that only goes up."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from estimates_by_hand import KEY, pair, with_value

import harness.compare
from harness.compare import CrossCheck, compare_model, default_policy, load_policy
from harness.compare.observed import is_slack, largest, record_of, rewritten
from harness.compare.rows import DiffRow
from harness.models.record import Estimates

POLICY = Path(harness.compare.__file__).parent / "policy.toml"


def rows(python: Estimates, r: Estimates) -> tuple[DiffRow, ...]:
    return compare_model(KEY, python, r, CrossCheck(r.fit.criterion, numbers_at_r=python))


def test_every_measured_row_has_its_record() -> None:
    policy = default_policy()
    for row in rows(*pair()):
        record = record_of(row, policy)
        assert record is not None
        assert (record.quantity, record.tier) == (row.quantity, row.tier)
        if record.limit is not None and record.floor_ulp == 0:
            assert record.limit == row.limit


def test_the_largest_matching_difference_counts_and_no_red_one() -> None:
    python, r = pair()
    a = with_value(python, "week", "std_error", 0.25 * (1 + 2e-11))
    for effect in r.fixed:
        if effect.term == "week":
            a = with_value(python, "week", "std_error", effect.std_error * (1 + 2e-11))
    found = largest(rows(a, r), default_policy())
    seen = {(t.quantity, t.tier): row.delta for t, row in found.items()}
    assert seen["std_error", "T2"] == pytest.approx(2e-11, rel=1e-3)
    assert seen["std_error", "T1"] == pytest.approx(2e-11, rel=1e-3)
    wrong = with_value(python, "week", "df", 60.0)
    red = largest(rows(wrong, r), default_policy())
    assert red == {}, "a model with a red row does not count at all"


def test_the_file_is_rewritten_where_a_difference_is_new(tmp_path: Path) -> None:
    policy = load_policy(POLICY)
    text = POLICY.read_text(encoding="utf-8")
    first, second = policy.tolerances[3], policy.tolerances[4]
    floor = max((t.observed for t in (first, second) if not math.isnan(t.observed)), default=0.0)
    big = 3.21e-3 + floor
    new = rewritten(text, policy, {first: big, second: 0.0})
    (tmp_path / "policy.toml").write_text(new, encoding="utf-8")
    again = load_policy(tmp_path / "policy.toml")
    assert again.tolerances[3].observed >= big
    assert again.tolerances[3].observed == pytest.approx(big, rel=0.05)
    assert [replace(t, observed=0.0) for t in again.tolerances] == [
        replace(t, observed=0.0) for t in policy.tolerances
    ]
    smaller = rewritten(new, again, {again.tolerances[3]: big / 2})
    assert smaller == new, "nothing gets smaller"
    with pytest.raises(ValueError, match="not the policy's"):
        rewritten("[[tolerance]]\n", policy, {})


def test_slack_is_a_limit_nobody_has_used_a_hundredth_of() -> None:
    record = next(t for t in default_policy().tolerances if t.limit and t.limit > 0)
    assert record.limit is not None
    assert is_slack(replace(record, observed=0.009 * record.limit))
    assert not is_slack(replace(record, observed=0.011 * record.limit))
    assert not is_slack(replace(record, observed=math.nan))
    assert not is_slack(replace(record, limit=None, observed=0.0))


def test_the_shipped_policy_says_what_its_limits_have_seen() -> None:
    silent = [
        (t.tier, t.quantity, t.df_methods)
        for t in default_policy().tolerances
        if math.isnan(t.observed)
        and t.quantity in {row.quantity for row in rows(*pair())}
        and t.tier != "T3"
    ]
    assert silent == [("T2", "df", ())], "the last is for methods of engines that are not ours"
    for t in default_policy().tolerances:
        if t.limit is not None and not math.isnan(t.observed):
            assert t.observed <= t.limit, t
