from __future__ import annotations

import pytest

from harness.estimates.tidy import Component, UnknownComponent, component_terms


def terms(*rows: tuple[str, str]) -> list[str]:
    components = [Component(group, name) for group, name in rows]
    named = component_terms(components)
    return [named[component] for component in components]


RESIDUAL = ("Residual", "sd__Observation")


def test_lme4s_components() -> None:
    assert terms(
        ("Subject", "sd__(Intercept)"),
        ("Subject", "cor__(Intercept).Days"),
        ("Subject", "sd__Days"),
        RESIDUAL,
    ) == [
        "sd(Subject:(Intercept))",
        "cor(Subject:(Intercept),Days)",
        "sd(Subject:Days)",
        "sigma",
    ]


def test_nlmes_single_underscore_and_reversed_order() -> None:
    assert (
        terms(
            ("Subject", "sd_(Intercept)"),
            ("Subject", "cor_Days.(Intercept)"),
            ("Subject", "sd_Days"),
            ("Residual", "sd_Observation"),
        )[1]
        == "cor(Subject:(Intercept),Days)"
    )


def test_names_with_points_are_cut_where_standard_deviations_are() -> None:
    assert (
        terms(("g", "sd__log.dose"), ("g", "sd__t.2"), ("g", "cor__log.dose.t.2"))[2]
        == "cor(g:log.dose,t.2)"
    )


def test_lme4s_second_block_of_a_group_is_the_groups_own() -> None:
    assert terms(("Subject", "sd__(Intercept)"), ("Subject.1", "sd__Days")) == [
        "sd(Subject:(Intercept))",
        "sd(Subject:Days)",
    ]


def test_a_factor_called_g_1_keeps_its_name() -> None:
    assert terms(("g.1", "sd__(Intercept)"))[0] == "sd(g.1:(Intercept))"
    assert terms(("g", "sd__(Intercept)"), ("g.1", "sd__(Intercept)"))[1] == "sd(g.1:(Intercept))"


def test_an_effect_called_like_the_residual_of_another_group() -> None:
    assert terms(("g", "sd__Observation"), RESIDUAL) == ["sd(g:Observation)", "sigma"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("g", "var__x")], "is a variance"),
        ([("g", "cov__x.z")], "is a variance"),
        ([("g", "sdx")], "is no variance component"),
        ([("", "sd__x")], "has no group"),
        ([("g", "cor__x.z")], "names no two listed standard deviations"),
        ([("g", "sd__x"), ("g", "cor__x.z")], "names no two listed standard deviations"),
        (
            [("g", f"sd__{n}") for n in ("a", "a.b", "b.c", "c")] + [("g", "cor__a.b.c")],
            "can be cut in two ways",
        ),
        ([("Residual", "cor__Observation")], "names no two|is no residual"),
    ],
)
def test_what_cannot_be_read_is_refused(rows: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(UnknownComponent, match=message):
        terms(*rows)
