"""What holds for any answers: bounds, the grid, additivity, what a missing answer may change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.scoring import instruments
from harness.scoring.score import disagreeing, score

KEYED = [(one, form) for one in instruments().values() for form in one.forms if form.keyed]
IDS = [f"{one.name}{form.version}" for one, form in KEYED]

each_form = pytest.mark.parametrize(("one", "form"), KEYED, ids=IDS)


def draw(form, seed: int, missing: float, n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    low, high = np.array(form.ranges).T
    answers = rng.integers(low, high + 1, size=(n, form.n_items)).astype(float)
    answers[rng.random(answers.shape) < missing] = np.nan
    return pd.DataFrame(answers)


seeds = st.integers(0, 2**32 - 1)
shares = st.sampled_from([0.0, 0.05, 0.3, 0.9])


@each_form
@given(seed=seeds, share=shares)
@settings(max_examples=25, deadline=None)
def test_scores_stay_within_their_limits_by_every_rule(one, form, seed, share):
    answers = draw(form, seed, share)
    for rule in one.missing:
        result = score(form, answers, rule)
        for name, values in result.values.items():
            low, high = form.limits(name)
            low = low if rule != "zero" else min(low, 0)
            known = values[~np.isnan(values)]
            assert ((known >= low - 1e-12) & (known <= high + 1e-12)).all(), (rule, name)
        assert not result.impossible.any()


@each_form
@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_complete_answers_lie_on_the_grid_and_are_scored_alike_by_every_rule(one, form, seed):
    answers = draw(form, seed, 0.0)
    first = score(form, answers, "refuse")
    steps = 1
    for part in form.parts:
        on_grid = first.values[part.name] * part.divisor
        assert np.allclose(on_grid, np.rint(on_grid), rtol=0, atol=1e-9)
        steps = np.lcm(steps, part.divisor)
    total = first.values[form.scores[len(form.parts) - (not form.total)]] * steps
    assert np.allclose(total, np.rint(total), rtol=0, atol=1e-9)
    for rule in one.missing:
        again = score(form, answers, rule)
        for name, values in first.values.items():
            assert (values == again.values[name]).all(), (rule, name)


@each_form
@given(seed=seeds, share=shares)
@settings(max_examples=25, deadline=None)
def test_the_total_is_the_sum_of_the_parts(one, form, seed, share):
    if not form.total:
        return
    for rule in one.missing:
        values = score(form, draw(form, seed, share), rule).values
        parts = np.array([values[part.name] for part in form.parts])
        assert np.array_equal(np.isnan(values["total"]), np.isnan(parts).any(axis=0))
        assert np.allclose(parts.sum(axis=0), values["total"], rtol=1e-14, equal_nan=True)


@each_form
@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_one_point_more_on_an_item_moves_the_score_by_its_weight(one, form, seed):
    """Up for an item as it is, down for a reversed one, by 1 / divisor."""
    answers = draw(form, seed, 0.0, n=1)
    before = score(form, answers, "refuse").values
    for part in form.parts:
        for item in part.items:
            more = answers.copy()
            if more.iloc[0, item - 1] == form.ranges[item - 1][1]:
                continue
            more.iloc[0, item - 1] += 1
            sign = -1 if item in form.reversed else 1
            step = score(form, more, "refuse").values[part.name] - before[part.name]
            assert step[0] == pytest.approx(sign / part.divisor, abs=1e-12)


@each_form
@given(seed=seeds, share=shares)
@settings(max_examples=15, deadline=None)
def test_reversed_in_the_file_or_here_is_one_score(one, form, seed, share):
    answers = draw(form, seed, share)
    recoded = answers.copy()
    for item in form.reversed:
        recoded[item - 1] = sum(form.ranges[item - 1]) - answers[item - 1]
    for rule in one.missing:
        left = score(form, answers, rule).values
        right = score(form, recoded, rule, recoded=True).values
        for name in form.scores:
            assert np.array_equal(left[name], right[name], equal_nan=True)


@each_form
@given(seed=seeds, share=shares)
@settings(max_examples=15, deadline=None)
def test_a_person_is_scored_alone(one, form, seed, share):
    answers = draw(form, seed, share)
    order = np.random.default_rng(seed).permutation(len(answers))
    whole = score(form, answers, one.missing[0])
    shuffled = score(form, answers.iloc[order], one.missing[0])
    for name in form.scores:
        assert np.array_equal(whole.values[name][order], shuffled.values[name], equal_nan=True)
        assert np.array_equal(whole.missing[name][order], shuffled.missing[name])


@each_form
def test_two_values_of_a_score_are_further_apart_than_what_counts_as_one(one, form):
    """Prorated by any rule: the distance of two different values is far above the slack."""
    values = [
        values
        for rule in one.missing
        for seed in range(20)
        for values in score(form, draw(form, seed, 0.2, n=200), rule).values.values()
    ]
    known = np.unique(np.round(np.concatenate(values), 12))
    known = known[~np.isnan(known)]
    assert np.diff(known).min() > 1e-4
    assert disagreeing(known[1:], known[:-1]).all()
