"""The largest difference that matched, by record; a ratchet that only goes up."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from estimates_by_hand import KEY, SIGMA, at_boundary, pair, with_value
from rows_by_hand import row

import harness.compare
from harness.compare import CrossCheck, compare_model, default_policy, load_policy
from harness.compare.observed import is_slack, largest, record_of, rewritten
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.models.record import Estimates

POLICY_FILE = Path(harness.compare.__file__).parent / "policy.toml"


def rows(python: Estimates, r: Estimates) -> tuple[DiffRow, ...]:
    return compare_model(KEY, python, r, CrossCheck(r.fit.criterion, numbers_at_r=python))


def test_every_measured_row_has_its_record() -> None:
    policy = default_policy()
    for one in rows(*pair()):
        record = record_of(one, policy)
        assert record is not None
        assert (record.quantity, record.tier) == (one.quantity, one.tier)
        if record.limit is not None and record.floor_ulp == 0:
            assert record.limit == one.limit


def test_the_largest_matching_difference_counts_and_no_red_one() -> None:
    python, r = pair()
    a = with_value(python, "week", "std_error", 0.25 * (1 + 2e-11))
    for effect in r.fixed:
        if effect.term == "week":
            a = with_value(python, "week", "std_error", effect.std_error * (1 + 2e-11))
    found = largest(rows(a, r), default_policy())
    seen = {(t.quantity, t.tier): one.delta for t, one in found.items()}
    assert seen["std_error", "T2"] == pytest.approx(2e-11, rel=1e-3)
    assert seen["std_error", "T1"] == pytest.approx(2e-11, rel=1e-3)
    wrong = with_value(python, "week", "df", 60.0)
    red = largest(rows(wrong, r), default_policy())
    assert red == {}, "a model with a red row does not count at all"


def test_the_file_is_rewritten_where_a_difference_is_new(tmp_path: Path) -> None:
    policy = load_policy(POLICY_FILE)
    text = POLICY_FILE.read_text(encoding="utf-8")
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
    assert not is_slack(replace(record, limit=0.0, observed=0.0))
    assert is_slack(replace(record, limit=1.0, observed=0.0))
    assert not is_slack(replace(record, limit=1.0, observed=0.01)), "a hundredth is used"


def test_the_shipped_policy_says_what_its_limits_have_seen() -> None:
    silent = [
        (t.tier, t.quantity, t.df_methods)
        for t in default_policy().tolerances
        if math.isnan(t.observed)
        and t.quantity in {one.quantity for one in rows(*pair())}
        and t.tier not in ("T3", "T4")
    ]
    assert silent == [("T2", "df", ())], "the last is for methods of engines that are not ours"
    for t in default_policy().tolerances:
        if t.limit is not None and not math.isnan(t.observed):
            assert t.observed <= t.limit, t


class TestWhichRowsCount:
    """Of one model; its other numbers agree to the last bit."""

    POLICY = default_policy()

    def found(self, *given: DiffRow) -> dict[tuple[str, str], DiffRow]:
        return {(t.quantity, t.tier): of for t, of in largest(given, self.POLICY).items()}

    @staticmethod
    def sigma(delta: float, **changes: Any) -> DiffRow:
        limit = default_policy().find("sigma", "T2").limit
        given = {"delta": delta, "limit": limit, "verdict": Verdict.MATCH, **changes}
        return row("sigma", "sigma", 5.25, 5.25, **given)

    def test_the_largest_difference_wins_wherever_it_stands(self) -> None:
        small, large, none = self.sigma(1e-9), self.sigma(3e-9), self.sigma(0.0)
        for rows in ((none, small, large), (large, small, none), (small, large, none)):
            assert self.found(*rows) == {("sigma", "T2"): large}
        assert self.found(none) == {("sigma", "T2"): none}

    @pytest.mark.parametrize(
        "other",
        [
            {"verdict": Verdict.BOUNDARY},
            {"python": None, "delta": None, "limit": None, "verdict": Verdict.R_ONLY},
            {"r": None, "delta": None, "limit": None, "verdict": Verdict.PYTHON_ONLY},
            {"quantity": "a number the policy does not know"},
            {"metric": "absolute"},
            {"limit": 0.5},
            {"delta": 2e-3},
            {"verdict": Verdict.DIFFERS, "delta": 0.5},
        ],
        ids=[
            "boundary", "only-r", "only-python", "no-record", "other-unit", "other-limit",
            "beyond-its-limit", "differs",
        ],
    )  # fmt: skip
    def test_a_row_that_does_not_count_hides_no_other(self, other: dict[str, Any]) -> None:
        """It belongs to another model, so that a red one spoils nothing here."""
        counts = self.sigma(1e-9)
        passed_over = replace(self.sigma(2e-9), outcome="other", **other)
        assert self.found(passed_over, counts) == {("sigma", "T2"): counts}
        assert self.found(counts, passed_over) == {("sigma", "T2"): counts}

    def test_a_red_row_spoils_its_model_wherever_it_stands(self) -> None:
        counts, red = self.sigma(1e-9), self.sigma(0.5, verdict=Verdict.DIFFERS)
        elsewhere = self.sigma(1e-10, outcome="other")
        for rows in ((red, counts, elsewhere), (elsewhere, counts, red)):
            assert self.found(*rows) == {("sigma", "T2"): elsewhere}

    def test_a_difference_that_takes_all_of_its_limit_counts(self) -> None:
        limit = self.POLICY.find("sigma", "T2").limit
        whole = self.sigma(limit or 0.0)
        assert self.found(whole) == {("sigma", "T2"): whole}
        assert self.found(self.sigma(1.01 * (limit or 0.0))) == {}

    def test_a_correlation_on_the_boundary_is_held_to_another_limit(self) -> None:
        """The boundary's, ten times as wide: it must not raise what the record has seen."""
        python, r = (at_boundary(name) for name in ("port", "lme4"))
        name = "cor(subject:(Intercept),week)"
        for term, quantity, value in (("subject:week", "sd", 0.01 * SIGMA), (name, "cor", 0.5)):
            of = f"sd({term})" if quantity == "sd" else term
            python, r = (with_value(side, of, quantity, value) for side in (python, r))
        r = with_value(r, name, "cor", 0.5005)
        given = compare_model(KEY, python, r)
        (cor,) = (one for one in given if one.quantity == "cor")
        assert (cor.verdict, cor.metric) == (Verdict.MATCH, "absolute")
        assert ("cor", "T2") not in self.found(*given)

    def test_agreement_to_the_digits_printed_is_held_to_those(self) -> None:
        d = row(
            "arm", "d", 0.41, 0.4123, delta=0.0023, metric="absolute", limit=0.005,
            verdict=Verdict.MATCH, printed=True,
        )  # fmt: skip
        assert self.found(d) == {}


def test_the_record_is_that_of_the_reference_s_method_and_of_the_larger_number() -> None:
    policy = default_policy()
    assert record_of(row("week", "df", 40.0, 40.0, df_method="kenward-roger"), policy) == (
        policy.find("df", "T2", df_method="kenward-roger")
    )
    other = row("week", "df", 40.0, 40.0, df_method="z | kenward-roger")
    assert record_of(other, policy) == policy.find("df", "T2", df_method="kenward-roger")
    p = row("week", "p_value", 1e-9, 0.01)
    assert record_of(p, policy) == policy.find("p_value", "T2", magnitude=0.01)
    assert record_of(p, policy) != policy.find("p_value", "T2", magnitude=1e-9)
    nobody = row("week", "p_value", math.nan, math.nan)
    assert record_of(nobody, policy) == policy.find("p_value", "T2", magnitude=0.0)
    assert record_of(row("week", "p_value", None, 0.01), policy) is None
    f = row("week", "f_value", math.inf, 0.5)
    assert record_of(f, policy) == policy.find("f_value", "T2", magnitude=math.inf)


class TestRewriting:
    POLICY = default_policy()
    TEXT = POLICY_FILE.read_text(encoding="utf-8")

    def observed(self, place: int, seen: float, known: float = math.nan) -> str:
        """The line written into one record of the policy, which has seen ``known`` so far."""
        records = list(self.POLICY.tolerances)
        record = records[place] = replace(records[place], observed=known)
        policy = replace(self.POLICY, tolerances=tuple(records))
        new = rewritten(self.TEXT, policy, {record: seen})
        block = new.split("[[tolerance]]\n")[place + 1]
        (line,) = (one for one in block.splitlines() if one.startswith("observed"))
        assert block.index("observed") < block.index("boundary")
        return line

    @pytest.mark.parametrize(
        ("seen", "line"),
        [
            (0.0, "observed = 0.0e+00"),
            (1.0, "observed = 1.0e+00"),
            (1.1e-10, "observed = 1.1e-10"),
            (1.1000001e-10, "observed = 1.2e-10"),
            (9.91e-7, "observed = 1.0e-06"),
            (3.2e-3, "observed = 3.2e-03"),
            (12.0, "observed = 1.2e+01"),
        ],
    )
    def test_two_digits_are_written_rounded_up(self, seen: float, line: str) -> None:
        assert self.observed(3, seen) == line

    def test_what_was_seen_before_is_not_written_again(self) -> None:
        """Even where it was written in another way."""
        place, record = next(
            (k, t) for k, t in enumerate(self.POLICY.tolerances) if t.observed > 0.0
        )
        assert rewritten(self.TEXT, self.POLICY, {record: record.observed}) == self.TEXT
        spelt = self.TEXT.replace("observed = ", "observed =  ")
        assert rewritten(spelt, self.POLICY, {record: record.observed}) == spelt
        assert self.observed(place, 2 * record.observed, record.observed)

    def test_another_file_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^the text is not the policy's$"):
            rewritten(self.TEXT + "[[tolerance]]\n", self.POLICY, {})
