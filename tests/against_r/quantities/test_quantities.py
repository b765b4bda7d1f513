"""Every quantity the port offers that R offers, over every model, at both tiers.

An id reads ``model::quantity``: ``sleepstudy-slopes-reml::kr_df``. The default tier has the models
marked quick; `-m exhaustive` has all.
"""

from __future__ import annotations

import numpy as np
import port_answers
import pytest
from compare import compared, quantities_of
from models import MODELS
from quantities import QUANTITIES, Quantity
from r_answers import R


def _cases() -> list[object]:
    return [
        pytest.param(
            name,
            quantity,
            id=f"{name}::{quantity}",
            marks=() if MODELS[name].quick else (pytest.mark.exhaustive,),
        )
        for name in MODELS
        for quantity in quantities_of(name)
    ]


@pytest.mark.parametrize(("name", "quantity"), _cases())
def test_quantity(r: R, name: str, quantity: str) -> None:
    differences = compared(r, name, quantity)
    assert differences, "compared at no tier"
    wrong = [d for d in differences if not d.value <= d.limit]
    assert not wrong, f"{QUANTITIES[quantity].what}: {wrong}"


@pytest.mark.parametrize(
    "name",
    [n if MODELS[n].quick else pytest.param(n, marks=pytest.mark.exhaustive) for n in MODELS],
)
def test_nothing_is_asked_that_is_not_compared(r: R, name: str) -> None:
    """Each side answers exactly what is compared, and the boundary is where the model says."""
    assert port_answers.fitted(name).singular == MODELS[name].boundary
    assert port_answers.fitted(name).converged
    model, wanted = MODELS[name], set(quantities_of(name)) - {"theta"}
    ours = set(port_answers.answer(name).values)
    away = {q for q in ours if "sw" in q.split("_")} if model.boundary else set()
    assert wanted <= ours
    assert ours - wanted <= away
    said = r.answer(name)
    theirs = set(said["own"]) | set(said["interior"])
    if model.twin:
        theirs |= {q for q in r.answer(model.twin)["own"] if "sw" in q.split("_")}
    assert theirs == wanted


def test_a_shift_of_twice_a_limit_is_seen() -> None:
    values, unit = np.array([1.0, -20.0, 300.0]), np.array([2.0, 0.1, 5.0])
    p_values = np.array([0.5, 2e-3, 1e-4])
    for name, quantity in QUANTITIES.items():
        limit = quantity.own
        assert limit is not None
        if limit == 0.0:
            continue
        at = p_values if quantity.metric == "p" else values
        size = {"unit": unit, "relative": np.abs(values)}.get(quantity.metric, np.ones(3))
        for k in range(3):
            moved = at.copy()
            moved[k] += 2.0 * limit * size[k]
            assert quantity.difference(moved, at, unit) > limit, name
            moved[k] = at[k] + 0.5 * limit * size[k]
            assert quantity.difference(moved, at, unit) <= limit, name


def test_what_is_missing_on_one_side_is_a_difference() -> None:
    quantity = Quantity("absolute", 1.0, 1.0, "")
    one, other = np.array([1.0, np.nan]), np.array([1.0, 2.0])
    assert quantity.difference(one, other, one) == np.inf
    assert quantity.difference(one, one, one) == 0.0
    assert quantity.difference(one[:1], other, one) == np.inf


def test_small_p_values_are_compared_by_their_logarithms() -> None:
    quantity = Quantity("p", 1e-6, 1e-6, "p")
    small = np.array([1e-12])
    assert quantity.difference(small * 1.01, small, small) < 1e-6
    assert quantity.difference(np.array([1e-5]), np.array([2e-5]), small) > 1e-6
