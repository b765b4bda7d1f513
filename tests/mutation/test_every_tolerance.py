"""Every record of the policy, for every df method it holds for, on either side, up and down.

Ten limits off must be red, a tenth must not. What no engine gives yet (marginal means, F tests,
effect sizes, Johnson-Neyman bounds) is compared as a table of numbers, where any quantity can be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from estimates_by_hand import KEY, pair

from harness.compare import CrossCheck, Verdict, compare_model
from harness.compare.keyed import compare_numbers
from harness.compare.policy import Tolerance, default_policy
from harness.compare.rows import DiffRow
from harness.estimates.numbers import ModelNumbers
from harness.estimates.quantities import FLAG_QUANTITIES, PROBLEM_QUANTITIES, QUANTITIES
from harness.estimates.written import Written

POLICY = default_policy()
METHODS = ("satterthwaite", "kenward-roger", "residual", "z", "between-within")
SE, SIGMA = 0.7, 3.0


def sizes(record: Tolerance) -> tuple[float, ...]:
    """Sizes the quantity has: of every magnitude records tell apart, and one of coarse doubles."""
    if record.quantity in ("p_value", "p_adjusted"):
        return (3e-30, 3e-6, 0.3)
    if record.quantity == "cor":
        return (0.3,)
    return (0.3, 7.5, *([2.5e9] if record.floor_ulp else []))


@dataclass(frozen=True)
class Case:
    """One record of the policy, for one df method, at one size of the number."""

    record: Tolerance
    method: str
    size: float

    @property
    def name(self) -> tuple[str, str, int]:
        quantity = self.record.quantity
        if quantity in ("sd", "cor"):
            return f"{quantity}(g:x{',z' if quantity == 'cor' else ''})", quantity, 0
        return "sigma" if quantity == "sigma" else "x", quantity, 0

    def __str__(self) -> str:
        return f"{self.record.quantity}-{self.record.tier}-{self.method}-{self.size:g}"


def cases() -> Iterator[Case]:
    for record in POLICY.tolerances:
        for method in METHODS:
            for size in sizes(record):
                quantity, tier = record.quantity, record.tier
                found = POLICY.find(quantity, tier, df_method=method, magnitude=size)
                if found is record:
                    yield Case(record, method, size)


CASES = tuple(cases())
MEASURED = [case for case in CASES if case.record.tier == "T2" and case.record.metric != "exact"]
COUNTED = [
    case for case in CASES if case.record.tier in ("T0", "T2") and case.record.metric == "exact"
]
AT_ONE_THETA = [case for case in CASES if case.record.tier == "T1"]  # tests/compare/test_algebra.py
BY_DEFAULT = [case for case in CASES if case.record.tier == "T3"]  # tests/compare/test_reported.py
DRAWN = [case for case in CASES if case.record.tier == "T4"]  # tests/compare/test_drawn.py
BY_CLUSTER = {  # tests/against_r/test_robust.py
    record for record in POLICY.tolerances if record.df_methods == ("CR2",)
}


def test_no_record_and_no_quantity_is_left_out() -> None:
    assert {case.record for case in CASES} | BY_CLUSTER == set(POLICY.tolerances)
    parts = (MEASURED, COUNTED, AT_ONE_THETA, BY_DEFAULT, DRAWN)
    assert sum(map(len, parts)) == len(CASES)
    for quantity in QUANTITIES:
        found = {case.method for case in CASES if case.record.quantity == quantity}
        assert found == set(METHODS), quantity


def compared(
    case: Case, python: float, r: float, *, boundary: bool = False, se: float = SE
) -> DiffRow:
    """The number's row; both sides have the same standard error, sigma and interval around it."""
    low = case.record.quantity == "conf_low"
    sides = []
    for value in (python, r):
        numbers = {
            ("x", "std_error", 0): Written(se),
            ("x", "df", 0): Written(44.0),
            ("x", "conf_low", 0): Written(case.size - 4 * se),
            ("x", "conf_high", 0): Written(case.size + (4 if low else 0) * se),
            ("sigma", "sigma", 0): Written(SIGMA),
            ("sd(g:x)", "sd", 0): Written(SIGMA),
            ("sd(g:z)", "sd", 0): Written(SIGMA),
            ("", "singular", 0): Written(boundary),
            case.name: Written(value),
        }
        sides.append(ModelNumbers(KEY, "", numbers, case.method))
    spoken = frozenset([case.record.quantity])
    rows = compare_numbers(KEY, *sides, spoken=spoken, policy=POLICY, label="")
    (found,) = [row for row in rows if (row.term, row.quantity) == case.name[:2]]
    return found


def limit_in_own_unit(case: Case) -> float:
    """The record's limit in the number's unit, worked out here and not by the comparison."""
    record, size = case.record, case.size
    if record.limit is None:
        limit = propagated(case)
    else:
        limit = max(record.limit, record.floor_ulp * math.ulp(size))
    if record.metric == "relative":
        return limit * size
    return limit * SE if record.metric == "SE" and record.quantity != "statistic" else limit


def propagated(case: Case) -> float:
    """The limits of estimate and standard error are 1e-6, that of df the method's."""
    if case.record.quantity == "statistic":
        return 1e-6 + case.size * 1e-6
    if case.record.quantity == "p_adjusted":  # the relative limit of a p value of that size
        return 1e-3 * math.log(10) if case.size < 1e-4 else 1e-6 / case.size
    q, of_df = 2.0, {"satterthwaite": 1e-4, "residual": 0.0, "z": 0.0}.get(case.method, 1e-5)
    return 1e-6 + q * 1e-6 + (q**3 + q) / 4 / 44.0 * of_df


def wrong_by(case: Case, off: float, **given: bool) -> Iterator[DiffRow]:
    """The number's row with either side off by ``off``, up and down."""
    for wrong in (case.size + off, case.size - off):
        yield compared(case, wrong, case.size, **given)
        yield compared(case, case.size, wrong, **given)


@pytest.mark.parametrize("case", MEASURED, ids=str)
class TestMeasured:
    def test_ten_limits_off_is_red(self, case: Case) -> None:
        for row in wrong_by(case, 10 * limit_in_own_unit(case)):
            assert row.verdict is Verdict.DIFFERS
            assert row.red
            assert row.exit_code == 1
            assert row.share == pytest.approx(10, rel=0.03)

    def test_a_tenth_of_the_limit_is_not(self, case: Case) -> None:
        for row in wrong_by(case, 0.1 * limit_in_own_unit(case)):
            assert row.verdict is Verdict.MATCH
            assert row.exit_code == 0
            assert row.metric == case.record.metric
            assert row.share == pytest.approx(0.1, rel=0.1)

    def test_nan_or_infinity_on_one_side_is_red(self, case: Case) -> None:
        for bad in (math.nan, math.inf, -math.inf):
            for given in ((bad, case.size), (case.size, bad)):
                row = compared(case, *given)
                assert row.red
                assert row.delta == math.inf

    def test_a_number_that_one_side_lacks_is_red(self, case: Case) -> None:
        with_it = ModelNumbers(KEY, "", {case.name: Written(case.size)}, case.method)
        without = ModelNumbers(KEY, "", {}, case.method)
        spoken = frozenset([case.record.quantity])
        for given, verdict in (
            ((with_it, without), Verdict.PYTHON_ONLY),
            ((without, with_it), Verdict.R_ONLY),
        ):
            (row,) = compare_numbers(KEY, *given, spoken=spoken, policy=POLICY, label="")
            assert row.verdict is verdict
            assert row.exit_code == 1

    def test_on_the_boundary_the_records_rule_holds(self, case: Case) -> None:
        rule = case.record.boundary
        if rule == "as df":
            rule = POLICY.find("df", "T2", df_method=case.method).boundary
        limit = limit_in_own_unit(case)
        if rule == "over sigma":
            limit = POLICY.over_sigma * (SIGMA if case.record.quantity == "sd" else 1)
        red = {row.verdict for row in wrong_by(case, 10 * limit, boundary=True)}
        green = {row.verdict for row in wrong_by(case, 0.1 * limit, boundary=True)}
        if rule == "not comparable":
            assert red == green == {Verdict.BOUNDARY}
        else:
            assert (red, green) == ({Verdict.DIFFERS}, {Verdict.MATCH})


@pytest.mark.parametrize("case", COUNTED, ids=str)
def test_what_is_counted_or_decided_must_be_equal(case: Case) -> None:
    quantity, tier = case.record.quantity, case.record.tier
    size = bool(case.size > 1) if quantity in FLAG_QUANTITIES else math.ceil(case.size)
    other = (not size) if isinstance(size, bool) else math.nextafter(size, math.inf)
    if quantity in PROBLEM_QUANTITIES:
        other = size + 1
    assert compared(case, size, size).verdict is Verdict.MATCH
    for given in ((size, other), (other, size)):
        row = compared(case, *given)
        assert row.red
        assert (row.tier, row.metric, row.limit) == (tier, "exact", 0)


@pytest.mark.parametrize("off", [10.0, -10.0, 0.1, -0.1])
@pytest.mark.parametrize("size", [1234.5, 2.5e9])
@pytest.mark.parametrize("method", METHODS)
def test_the_criterion_at_one_theta(method: str, size: float, off: float) -> None:
    python, r = pair(df_method=method)
    r = replace(r, fit=replace(r.fit, criterion=size))
    python = replace(python, fit=replace(python.fit, criterion=size))
    limit = max(1e-8, 64 * math.ulp(size))
    rows = compare_model(KEY, python, r, CrossCheck(size + off * limit))
    (row,) = [row for row in rows if row.tier == "T1"]
    assert row.verdict is (Verdict.DIFFERS if abs(off) > 1 else Verdict.MATCH)
