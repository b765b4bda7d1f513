"""Names of means and contrasts: readable, unambiguous, and of the right cells."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from harness.language import parse_formula
from harness.models.besides import Besides, DesignColumn, Probe
from harness.models.mean_terms import (
    cell_contrasts,
    cells,
    in_fixed_part,
    mean_term,
    moderated_effects,
    spelt,
    together,
)

ARM = DesignColumn("arm", ("TAU", "MBSR", "ACT"))
TIME = DesignColumn("time", ("pre", "post"))
BOTH = Besides(("emmeans",), ARM, TIME)
CROSSED = parse_formula("y ~ arm * time + (1 | id)")
ADDED = parse_formula("y ~ arm + time + (1 | id)")


def test_a_mean_is_called_by_its_levels() -> None:
    assert [mean_term(BOTH, cell) for cell in cells(BOTH)] == [
        "arm=TAU, time=pre",
        "arm=MBSR, time=pre",
        "arm=ACT, time=pre",
        "arm=TAU, time=post",
        "arm=MBSR, time=post",
        "arm=ACT, time=post",
    ]


def test_contrasts_of_arms_at_each_time_and_of_changes() -> None:
    found = {one.term: one.signs for one in cell_contrasts(BOTH, CROSSED)}
    assert list(found) == [
        "MBSR - TAU | time=pre",
        "ACT - TAU | time=pre",
        "MBSR - TAU | time=post",
        "ACT - TAU | time=post",
        "(MBSR - TAU) x (post - pre)",
        "(ACT - TAU) x (post - pre)",
    ]
    assert found["ACT - TAU | time=post"] == {(2, 1): 1.0, (0, 1): -1.0}
    assert found["(MBSR - TAU) x (post - pre)"] == {
        (1, 1): 1.0,
        (0, 1): -1.0,
        (1, 0): -1.0,
        (0, 0): 1.0,
    }


def test_changes_do_not_differ_without_an_interaction() -> None:
    assert [one.term for one in cell_contrasts(BOTH, ADDED)] == [
        "MBSR - TAU | time=pre",
        "ACT - TAU | time=pre",
        "MBSR - TAU | time=post",
        "ACT - TAU | time=post",
    ]


def test_planned_contrasts_are_of_the_pairs_in_their_order() -> None:
    planned = replace(BOTH, compare=(("ACT", "MBSR"), ("TAU", "ACT")))
    found = {one.term: one.signs for one in cell_contrasts(planned, CROSSED)}
    assert list(found) == [
        "ACT - MBSR | time=pre",
        "TAU - ACT | time=pre",
        "ACT - MBSR | time=post",
        "TAU - ACT | time=post",
        "(ACT - MBSR) x (post - pre)",
        "(TAU - ACT) x (post - pre)",
    ]
    assert found["TAU - ACT | time=post"] == {(0, 1): 1.0, (2, 1): -1.0}
    assert found["(ACT - MBSR) x (post - pre)"] == {
        (2, 1): 1.0,
        (1, 1): -1.0,
        (2, 0): -1.0,
        (1, 0): 1.0,
    }


def test_planned_pairs_are_probed() -> None:
    formula = parse_formula("y ~ arm * time * z + (1 | id)")
    planned = replace(BOTH, compare=(("ACT", "MBSR"),), probe=Probe("z", (0.0,), "id"))
    (effect,) = moderated_effects(planned, formula)
    assert effect.name == "(ACT - MBSR) x (post - pre)"
    assert effect.pairs == {"arm": ("ACT", "MBSR"), "time": ("post", "pre")}


def test_one_column_alone() -> None:
    arms, times = Besides(("contrasts",), arm=ARM), Besides(("contrasts",), time=TIME)
    assert [one.term for one in cell_contrasts(arms, CROSSED)] == ["MBSR - TAU", "ACT - TAU"]
    assert [one.term for one in cell_contrasts(times, CROSSED)] == ["post - pre"]
    assert [mean_term(times, cell) for cell in cells(times)] == ["time=pre", "time=post"]
    assert cell_contrasts(Besides(("anova",)), CROSSED) == []


def test_every_contrast_sums_to_zero() -> None:
    for one in cell_contrasts(BOTH, CROSSED):
        assert sum(one.signs.values()) == 0.0


ODD = [
    "a",
    "a b",
    "a - b",
    "x",
    "ax",
    "x x",
    "-",
    "",
    "a, b=c",
    'q"',
    "\\",
    "(",
    "|",
    "é",
    " a",
    "a ",
]


@pytest.mark.parametrize("text", ["a", "a b", "ax", "é", "6 weeks", "post-treatment", "5.5", "+"])
def test_a_plain_level_stays_as_it_is(text: str) -> None:
    assert spelt(text) == text


@pytest.mark.parametrize(
    "text", ["a - b", "x", "-", "", "a, b=c", 'q"', "(", "|", " a", "a ", "a x"]
)
def test_a_level_that_could_be_read_otherwise_is_quoted(text: str) -> None:
    assert spelt(text)[0] == spelt(text)[-1] == '"'


def test_no_two_combinations_of_odd_levels_share_a_name() -> None:
    levels = tuple(ODD)
    odd = Besides(("emmeans",), DesignColumn("arm", levels), DesignColumn("a=b, c", levels))
    names = [mean_term(odd, cell) for cell in cells(odd)]
    names += [one.term for one in cell_contrasts(odd, parse_formula("y ~ arm * `a=b, c`"))]
    assert len(set(names)) == len(names) == len(ODD) ** 2 + 15 * 16 + 15 * 15


def test_what_the_fixed_part_has() -> None:
    formula = parse_formula("y ~ factor(arm) * log(week) + base + (time | id)")
    assert [in_fixed_part(formula, name) for name in ("arm", "week", "time", "id", "y")] == [
        *(True, True),
        *(False, False, False),
    ]
    pairs = [together(formula, a, b) for a, b in product(("arm", "base"), ("week", "base"))]
    assert pairs == [True, False, False, True]


@pytest.mark.parametrize(
    ("levels", "numbers"),
    [(("0", "2.5"), (0.0, 2.5)), (("pre", "2"), None), (("0", "inf"), None), (("nan", "1"), None)],
)
def test_levels_are_numbers_only_if_all_are_finite(
    levels: tuple[str, ...], numbers: object
) -> None:
    assert DesignColumn("time", levels).numbers == numbers
