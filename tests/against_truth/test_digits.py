"""The published digits: no version of the port gets fewer right."""

from __future__ import annotations

import json

import numpy as np
import pytest
from digits import MOST, PUBLISHED, QUANTITIES, digits, port_numbers, r_numbers, records

pytestmark = pytest.mark.truth

CASES = records()
FLOOR = json.loads(PUBLISHED.read_text(encoding="utf-8"))


def test_every_model_of_the_truth_is_published() -> None:
    assert set(FLOOR) == set(CASES)
    assert all(set(floor) == set(QUANTITIES) for floor in FLOOR.values())
    assert min(floor["std_error"] for floor in FLOOR.values()) >= 8


@pytest.mark.parametrize("name", sorted(CASES))
def test_digits_are_those_published_or_more(name: str) -> None:
    record, frame = CASES[name]
    found = digits(port_numbers(record, frame), record["truth"])
    fewer = {q: (found[q], FLOOR[name][q]) for q in QUANTITIES if found[q] < FLOOR[name][q]}
    assert not fewer, f"digits found and published: {fewer}"


def test_digits_are_counted_from_the_worst_entry() -> None:
    record, frame = CASES["sleepstudy-slopes-reml"]
    found = port_numbers(record, frame)
    true = digits(found, record["truth"])
    assert all(12 < value <= MOST for value in true.values())
    found["theta"] = found["theta"] + np.array([0.0, 1e-5 * found["theta"][0], 0.0])
    found["df"] = found["df"] * [1.0, 1.001]
    spoilt = digits(found, record["truth"])
    assert spoilt["theta"] == pytest.approx(5.0, abs=0.01)
    assert spoilt["df"] == pytest.approx(3.0, abs=0.01)
    assert spoilt["sigma"] == true["sigma"]


@pytest.mark.live_r
def test_the_port_has_more_digits_than_lme4_on_every_model() -> None:
    """As it comes, and tightened; the criterion alone may have fewer where it has fourteen."""
    theirs = r_numbers(CASES)
    for name, (record, frame) in CASES.items():
        ours = digits(port_numbers(record, frame), record["truth"])
        for way in ("default", "tight"):
            there = digits(theirs[name][way], record["truth"])
            behind = {q: (ours[q], there[q]) for q in QUANTITIES if min(14, there[q]) > ours[q]}
            assert not behind, f"{name}, {way}: {behind}"
            for q in ("std_error", "sigma", "theta", "df"):
                assert ours[q] > there[q] + 2.0, f"{name}, {way}, {q}: {ours[q]}, {there[q]}"
