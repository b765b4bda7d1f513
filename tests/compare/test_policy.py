from __future__ import annotations

import math
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from harness.compare.policy import QUANTITIES, default_policy, load_policy
from harness.errors import DataError

SHIPPED = files("harness.compare").joinpath("policy.toml").read_text(encoding="utf-8")
CONTRACT_TEXT = (
    "estimate std_error df statistic p_value conf_low conf_high sd cor sigma "
    "loglik criterion aic bic emmean contrast num_df den_df f_value d d_low d_high slope "
    "jn_low jn_high p_adjusted n_obs n_groups singular converged "
    "smd smd_se smd_low smd_high rho n_first n_second responders patients incomplete not_positive "
    "risk_difference rd_low rd_high nnt nnt_low nnt_high fisher_p"
)
CONTRACT = CONTRACT_TEXT.split()


def test_every_quantity_of_the_contract_has_a_tolerance() -> None:
    assert sorted(QUANTITIES) == sorted(CONTRACT)
    policy = default_policy()
    for quantity in CONTRACT:
        tier = "T0" if quantity in ("n_obs", "n_groups") else "T2"
        for method in ("satterthwaite", "kenward-roger", "residual", "z", "between-within", ""):
            for size in (0.0, 1e-300, 1e-4, 1.0, 1e300, math.inf, math.nan):
                found = policy.find(quantity, tier, df_method=method, magnitude=size)
                assert found.quantity == quantity


@pytest.mark.parametrize(
    ("quantity", "method", "size", "metric", "limit"),
    [
        ("estimate", "satterthwaite", 5.0, "SE", 1e-6),
        ("std_error", "satterthwaite", 5.0, "relative", 1e-6),
        ("df", "satterthwaite", 60.0, "relative", 1e-4),
        ("df", "kenward-roger", 60.0, "relative", 1e-5),
        ("df", "residual", 60.0, "exact", 0.0),
        ("df", "z", math.inf, "exact", 0.0),
        ("p_value", "satterthwaite", 1e-4, "absolute", 1e-6),
        ("p_value", "satterthwaite", 9.99e-5, "relative", 1e-3 * math.log(10)),
        ("sigma", "satterthwaite", 5.0, "relative", 1e-6),
        ("sd", "satterthwaite", 5.0, "relative", 1e-4),
        ("cor", "satterthwaite", 0.5, "absolute", 1e-4),
        ("criterion", "satterthwaite", 1e5, "deviance", 1e-8),
        ("loglik", "satterthwaite", 1e5, "absolute", 1e-7),
        ("singular", "satterthwaite", 1.0, "exact", 0.0),
    ],
)
def test_limits_are_those_the_method_page_argues_for(
    quantity: str, method: str, size: float, metric: str, limit: float
) -> None:
    found = default_policy().find(quantity, "T2", df_method=method, magnitude=size)
    assert found.metric == metric
    assert found.limit_at(size) == pytest.approx(limit, rel=1e-12)


def test_an_infinite_number_has_no_floor() -> None:
    """Its neighbours are infinitely far: a floor would let anything pass."""
    criterion = default_policy().find("criterion", "T2")
    assert criterion.limit_at(math.inf) == criterion.limit == criterion.limit_at(-math.inf)


def test_a_number_without_magnitude_is_looked_up_as_zero() -> None:
    policy = default_policy()
    small = policy.find("p_value", "T2", magnitude=0.0)
    assert small.metric == "relative"
    assert policy.find("p_value", "T2") is small
    assert policy.find("p_value", "T2", magnitude=math.nan) is small


def test_a_record_ends_below_its_edge() -> None:
    policy = default_policy()
    edges = [t for t in policy.tolerances if math.isfinite(t.below)]
    assert edges
    for record in edges:
        found = policy.find(record.quantity, record.tier, magnitude=record.below)
        assert found.at_least == record.below
        backwards = replace(policy, tolerances=policy.tolerances[::-1])
        assert backwards.find(record.quantity, record.tier, magnitude=record.below) is found


def test_a_number_the_policy_does_not_know_is_named() -> None:
    with pytest.raises(KeyError, match="no tolerance for shoe size at tier T2"):
        default_policy().find("shoe size", "T2")


def test_the_floor_takes_over_where_doubles_get_coarse() -> None:
    criterion = default_policy().find("criterion", "T2")
    assert criterion.limit_at(1e5) == 1e-8
    assert criterion.limit_at(1e7) == 64 * math.ulp(1e7) > 1e-8


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('reason = "As conf_low: the interval is symmetric."', "", "reason: is missing"),
        (
            'reason = "As conf_low: the interval is symmetric."',
            'reason = " "',
            "must say why, in words",
        ),
        ('quantity = "sigma"', 'quantity = "sigmas"', "`sigmas` is none of estimate"),
        ('quantity = "sigma"', 'quantity = "converged"', "none for sigma at T2"),
        ('metric = "SE"\nlimit = 1e-6', 'metric = "se"\nlimit = 1e-6', "`se` is none of SE"),
        ('metric = "SE"\nlimit = 1e-6', 'metric = "SE"\nlimit = 0', "finite number above zero"),
        ('metric = "SE"\nlimit = 1e-6', 'metric = "SE"\nlimit = inf', "finite number above zero"),
        ('metric = "SE"\nlimit = 1e-6', 'metric = "SE"\nlimt = 1e-6', "limit: is missing"),
        (
            'metric = "SE"\nlimit = 1e-6',
            'metric = "SE"\nlimit = "propagated"',
            "can be propagated",
        ),
        ('metric = "exact"\nlimit = 0', 'metric = "exact"\nlimit = 1', "must be 0"),
        ("below = 1e-4", "below = 1e-5", "p_value at T2 leave gaps or overlap"),
        ("below = 1e-4", "below = 1e-3", "p_value at T2 leave gaps or overlap"),
        ('boundary = "over sigma"', 'boundary = "ignore"', "`ignore` is none of compare"),
        ("floor_ulp = 64", "flor_ulp = 64", "flor_ulp: is not a key of the policy"),
        ("version = 1", "version = 2", "version: must be 1"),
        ("min_eigen = 1e-4", "", "boundary.min_eigen: is missing"),
        ("alpha = 0.05", "alpha = ", "is not TOML"),
    ],
)
def test_a_policy_with_a_hole_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SHIPPED
    file = tmp_path / "policy.toml"
    file.write_text(SHIPPED.replace(old, new))
    with pytest.raises(DataError) as caught:
        load_policy(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_the_shipped_policy_reads_as_itself(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(SHIPPED)
    assert load_policy(file) == default_policy()
    with pytest.raises(DataError, match="cannot be read"):
        load_policy(tmp_path / "none.toml")
