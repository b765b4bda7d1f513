"""What is wrong with a policy, word for word: file, place, remedy."""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.compare.policy import QUANTITIES, _policy, default_policy, load_policy
from harness.errors import DataError

SHIPPED = (Path(__file__).parents[2] / "harness/compare/policy.toml").read_text(encoding="utf-8")
DOCUMENT = tomllib.loads(SHIPPED)
AT = {(t["quantity"], t["metric"]): i for i, t in reversed(list(enumerate(DOCUMENT["tolerance"])))}
SE = AT["estimate", "SE"]
EXACT = AT["singular", "exact"]
P = AT["p_value", "absolute"]
FLOOR = AT["loglik", "absolute"]

Change = Callable[[dict[str, Any]], Any]


def put(*way: str | int, value: Any) -> Change:
    """Put a value at a place of the document; ``...`` removes what is there."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in way[:-1]:
            place = place[step]
        if value is ...:
            del place[way[-1]]
        else:
            place[way[-1]] = value

    return change


def told(change: Change) -> str:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    with pytest.raises(DataError) as caught:
        _policy(document, "my.toml")
    return str(caught.value)


NUMBER, POSITIVE = "must be a number, zero or more", "must be a finite number above zero"


@pytest.mark.parametrize(
    ("way", "place"),
    [
        (("alpha",), "alpha"),
        (("problem", "rounding"), "problem.rounding"),
        (("boundary", "min_eigen"), "boundary.min_eigen"),
        (("boundary", "over_sigma"), "boundary.over_sigma"),
        (("flat", "consistency"), "flat.consistency"),
        (("tolerance", SE, "limit"), f"tolerance[{SE}] (estimate).limit"),
    ],
)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, NUMBER),
        (True, NUMBER),
        ("1", NUMBER),
        (math.nan, NUMBER),
        (0, POSITIVE),
        (math.inf, POSITIVE),
    ],
)
def test_a_threshold_is_a_finite_number_above_zero(
    way: tuple[str | int, ...], place: str, value: Any, message: str
) -> None:
    assert told(put(*way, value=value)) == f"my.toml: {place}: {message}"


@pytest.mark.parametrize(
    ("index", "quantity", "key"),
    [
        (P, "p_value", "at_least"),
        (P, "p_value", "below"),
        (FLOOR, "loglik", "floor_ulp"),
        (SE, "estimate", "observed"),
        (EXACT, "singular", "limit"),
    ],
)
@pytest.mark.parametrize("value", [-1, True, "1"])
def test_an_edge_is_zero_or_more(index: int, quantity: str, key: str, value: Any) -> None:
    expected = f"my.toml: tolerance[{index}] ({quantity}).{key}: {NUMBER}"
    assert told(put("tolerance", index, key, value=value)) == expected


METRICS = "SE, relative, absolute, deviance, exact, ulp, MCSE"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("version", value=2), "version: must be 1"),
        (put("version", value=...), "version: is missing"),
        (put("more", value=1), "more: is not a key of the policy"),
        (put("flat", value=3), "flat: must be a table"),
        (put("flat", value=...), "flat: is missing"),
        (put("flat", "more", value=1), "flat.more: is not a key of the policy"),
        (put("flat", "reason", value=""), "flat.reason: must say why, in words"),
        (put("boundary", "reason", value="no reason"), "boundary.reason: must say why, in words"),
        (put("problem", "reason", value=3), "problem.reason: must say why, in words"),
        (put("tolerance", SE, value=3), f"tolerance[{SE}]: must be a table"),
        (put("tolerance", SE, "limit", value=...), f"tolerance[{SE}].limit: is missing"),
        (
            put("tolerance", SE, "limt", value=1),
            f"tolerance[{SE}].limt: is not a key of the policy",
        ),
        (
            put("tolerance", SE, "metric", value="se"),
            f"tolerance[{SE}].metric: `se` is none of {METRICS}",
        ),
        (
            put("tolerance", SE, "quantity", value="beta"),
            f"tolerance[{SE}].quantity: `beta` is none of {', '.join(QUANTITIES)}",
        ),
        (
            put("tolerance", SE, "reason", value="so there"),
            f"tolerance[{SE}] (estimate).reason: must say why, in words",
        ),
        (
            put("tolerance", SE, "limit", value="propagated"),
            f"tolerance[{SE}] (estimate).limit: only statistic, conf_low, conf_high, p_adjusted "
            "can be propagated",
        ),
        (
            put("tolerance", EXACT, "limit", value=1),
            f"tolerance[{EXACT}] (singular).limit: must be 0 for the metric `exact`",
        ),
        (
            put("tolerance", EXACT, "tier", value="T0"),
            "tolerance: none for singular at T2 that holds for any df method",
        ),
        (
            put("tolerance", P, "at_least", value=1e-3),
            "tolerance: the records for p_value at T2 leave gaps or overlap between 0 and infinity",
        ),
    ],
)
def test_a_mistake_is_named(change: Change, message: str) -> None:
    assert told(change) == f"my.toml: {message}"


def test_three_words_are_a_reason() -> None:
    document = copy.deepcopy(DOCUMENT)
    put("flat", "reason", value="three short words")(document)
    assert _policy(document, "my.toml") == default_policy()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_policy(tmp_path / "none.toml")
    assert (
        str(caught.value) == f"{tmp_path / 'none.toml'}: cannot be read (No such file or directory)"
    )
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(DataError, match="is not TOML"):
        load_policy(tmp_path / "latin.toml")
    # Not the locale's encoding: a policy may hold any letters.
    (tmp_path / "utf-8.toml").write_text(SHIPPED + "# é Ω\n", encoding="utf-8")
    assert load_policy(tmp_path / "utf-8.toml") == default_policy()
