"""Which other questions are asked on the same rows, in which order, and what each of them is."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from asked_trial import asked, spec

from harness.compare.causes import Asked
from harness.compare.causes.change import Change
from harness.compare.causes.questions import fixed_columns, is_factor, other_fits, other_tests
from harness.models.spec import ModelSpec

SATTERTHWAITE = ("satterthwaite", "took Satterthwaite degrees of freedom")
KENWARD_ROGER = ("kenward-roger", "took Kenward-Roger degrees of freedom and standard errors")
RESIDUAL = ("residual", "took the residual degrees of freedom")
Z = ("z", "took normal instead of t distributions (z tests)")


def one(changes: list[Change], words: str) -> Change:
    (found,) = (change for change in changes if change.words == words)
    return found


def same_rows(about: Asked, changes: list[Change]) -> list[Change]:
    """All of them are questions to the rows that were asked, to be held against the print."""
    for change in changes:
        assert change.frame is about.frame
        assert change.another_problem
        assert (change.blind, change.off_optimum, change.answer) == (False, False, None)
    return changes


@pytest.mark.parametrize(
    ("given", "methods"),
    [
        (spec(), [KENWARD_ROGER, RESIDUAL, Z]),
        (spec(df_method="kenward-roger"), [SATTERTHWAITE, RESIDUAL, Z]),
        (spec(df_method="z"), [SATTERTHWAITE, KENWARD_ROGER, RESIDUAL]),
        (spec(reml=False, df_method="residual"), [SATTERTHWAITE, Z]),
        (spec("y ~ arm", df_method="residual"), [Z]),
        (spec("y ~ arm", df_method="z"), [RESIDUAL]),
    ],
    ids=["satterthwaite", "kenward-roger", "z", "ml", "lm", "lm-z"],
)
def test_every_other_method_that_the_model_has(
    given: ModelSpec, methods: list[tuple[str, str]]
) -> None:
    about = asked(given)
    changes = [c for c in same_rows(about, list(other_tests(about))) if c.kind == "df"]
    assert [(c.spec, c.words) for c in changes] == [
        (replace(given, df_method=method), words) for method, words in methods
    ]


def test_every_other_level() -> None:
    about = asked(spec(conf_level=0.9))
    changes = [c for c in same_rows(about, list(other_tests(about))) if c.kind == "level"]
    assert [(c.spec, c.words) for c in changes] == [
        (spec(conf_level=0.99), "gave intervals of level 0.99, not 0.9"),
        (spec(conf_level=0.8), "gave intervals of level 0.8, not 0.9"),
        (spec(conf_level=0.95), "gave intervals of level 0.95, not 0.9"),
    ]
    assert len(list(other_tests(about))) == 6


def fits(given: ModelSpec) -> list[Change]:
    about = asked(given)
    return same_rows(about, list(other_fits(about)))


def said(given: ModelSpec, *kinds: str) -> list[str]:
    return [change.words for change in fits(given) if change.kind in kinds]


@pytest.mark.parametrize(
    ("given", "other", "words"),
    [
        (spec(), spec(reml=False), "fitted by ML, not REML"),
        (spec(reml=False), spec(), "fitted by REML, not ML"),
        (
            spec(df_method="kenward-roger"),
            spec(reml=False, df_method="satterthwaite"),
            "fitted by ML, not REML",
        ),
        (
            spec(reml=False, df_method="residual"),
            spec(df_method="residual"),
            "fitted by REML, not ML",
        ),
        (spec(df_method="z"), spec(reml=False, df_method="z"), "fitted by ML, not REML"),
    ],
    ids=["reml", "ml", "kenward-roger-knows-no-ml", "residual-stays", "z-stays"],
)
def test_the_other_criterion(given: ModelSpec, other: ModelSpec, words: str) -> None:
    first = fits(given)[0]
    assert (first.kind, first.words, first.spec) == ("reml", words, other)


def test_a_linear_model_has_one_criterion_and_no_random_part() -> None:
    assert said(spec("y ~ age"), "reml", "random") == []
    assert fits(spec("y ~ age")) == []


def test_every_factor_is_coded_in_every_other_way_alone_and_with_all() -> None:
    changes = [c for c in fits(spec(contrasts=(("arm", "sum"),))) if c.kind == "coding"]
    assert [(c.words, dict(c.spec.contrasts)) for c in changes if c.spec] == [
        ("coded `arm` by treatment contrasts", {"arm": "treatment"}),
        ("coded `visit` by sum contrasts", {"arm": "sum", "visit": "sum"}),
        ("coded `arm` by helmert contrasts", {"arm": "helmert"}),
        ("coded `visit` by helmert contrasts", {"arm": "sum", "visit": "helmert"}),
        ("coded every factor by helmert contrasts", {"arm": "helmert", "visit": "helmert"}),
        ("coded `arm` by poly contrasts", {"arm": "poly"}),
        ("coded `visit` by poly contrasts", {"arm": "sum", "visit": "poly"}),
        ("coded every factor by poly contrasts", {"arm": "poly", "visit": "poly"}),
    ]


def test_weights_and_offset_are_left_out_one_at_a_time() -> None:
    given = spec(weights="w", offset="o")
    changes = [c for c in fits(given) if c.kind in ("weights", "offset")]
    assert [(c.kind, c.words, c.spec) for c in changes] == [
        ("weights", "left out the weights `w`", replace(given, weights="")),
        ("offset", "left out the offset `o`", replace(given, offset="")),
    ]
    assert said(spec(), "weights", "offset") == []


def random_parts(formula: str) -> dict[str, list[tuple[bool, tuple[str, ...], str]]]:
    """What was left out, and the random terms that remain: intercept, slopes, group."""
    given = spec(formula)
    found = {}
    for change in fits(given):
        if change.kind != "random":
            continue
        assert change.spec is not None
        changed = change.spec.formula
        found[change.words] = [
            (term.intercept, tuple(slope.label for slope in term.terms), term.group_label)
            for term in changed.random
        ]
        assert replace(changed, random=given.formula.random) == given.formula
    return found


def test_every_random_effect_is_left_out_and_every_correlation() -> None:
    assert random_parts("y ~ arm + (week + age | id)") == {
        "left out the correlations within `id`": [
            (True, (), "id"), (False, ("week",), "id"), (False, ("age",), "id"),
        ],
        "left out the random slope of `week` in `id`": [(True, ("age",), "id")],
        "left out the random slope of `age` in `id`": [(True, ("week",), "id")],
        "left out the random intercept of `id`": [(False, ("week", "age"), "id")],
    }  # fmt: skip


def test_the_other_random_terms_stay_where_they_are() -> None:
    assert random_parts("y ~ arm + (1 | arm) + (week | id) + (1 | visit)") == {
        "left out the random intercept of `arm`": [(True, ("week",), "id"), (True, (), "visit")],
        "left out the correlations within `id`": [
            (True, (), "arm"), (True, (), "id"), (False, ("week",), "id"), (True, (), "visit"),
        ],
        "left out the random slope of `week` in `id`": [
            (True, (), "arm"), (True, (), "id"), (True, (), "visit"),
        ],
        "left out the random intercept of `id`": [
            (True, (), "arm"), (False, ("week",), "id"), (True, (), "visit"),
        ],
        "left out the random intercept of `visit`": [(True, (), "arm"), (True, ("week",), "id")],
    }  # fmt: skip


def test_a_term_of_one_slope_goes_as_a_whole() -> None:
    assert random_parts("y ~ arm + (1 | arm) + (0 + week | id)") == {
        "left out the random intercept of `arm`": [(False, ("week",), "id")],
        "left out the random slope of `week` in `id`": [(True, (), "arm")],
    }


def test_columns_of_the_fixed_part_are_neither_response_nor_group() -> None:
    given = spec("log(y) ~ arm * visit + offset(o) + (week | id) + (1 | arm:site)")
    assert fixed_columns(given) == ("visit", "week", "o")


@pytest.mark.parametrize(
    ("column", "factor"),
    [
        (pd.Series([1.0, 2.0]), False),
        (pd.Series([1, 2]), False),
        (pd.Series(["a", "b"]), True),
        (pd.Series(["a", "b"], dtype="string"), True),
        (pd.Series(pd.Categorical([1, 2])), True),
        (pd.Series([True, False]), True),
        (pd.Series([1, 2], dtype="object"), False),
    ],
    ids=["doubles", "integers", "objects", "strings", "categories", "flags", "numbers-as-objects"],
)
def test_what_a_formula_takes_for_a_factor(column: pd.Series, factor: bool) -> None:
    assert is_factor(pd.DataFrame({"x": column}), "x") is factor
