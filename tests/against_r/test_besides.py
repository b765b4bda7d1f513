"""Means, contrasts, tests of terms and effect sizes: the port's beside R's, in one answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from besides_cases import ALL, ARM, BASELINE, CASES, CROSSED, DOSE, DOSES, VISIT, asked, without
from question_cases import patients
from r_examples import spec

from harness.compare import CrossCheck, Verdict, compare_model
from harness.compare.rows import DiffRow
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.scripts import scripts_folder
from harness.models.besides import Besides, EffectUnit
from harness.models.mean_terms import spelt
from harness.models.record import Estimates
from harness.models.spec import ModelKey

KEY = ModelKey("analysis", "set", "outcome")
PORT = PortEngine()
OF_BESIDES = ("emmean", "contrast", "f_value", "d")


def both(lme4: RLiveEngine, name: str) -> tuple[Estimates, Estimates, tuple[DiffRow, ...]]:
    model, frame = CASES[name]
    python, r = PORT.fit(model, frame()), lme4.fit(model, frame())
    cross = None
    if r.theta:
        there = PORT.at(model, frame(), r.theta)
        cross = CrossCheck(there.fit.criterion, python.fit.criterion, numbers_at_r=there)
    return python, r, compare_model(KEY, python, r, cross)


@pytest.mark.parametrize("name", CASES)
def test_every_number_agrees(lme4: RLiveEngine, name: str) -> None:
    python, r, rows = both(lme4, name)
    allowed = {Verdict.MATCH, Verdict.BOUNDARY} if name == "boundary" else {Verdict.MATCH}
    assert {row.verdict for row in rows} <= allowed, [row for row in rows if row.red][:3]
    assert python.refused is None
    assert r.refused is None
    assert r.quality is not None
    assert r.quality.clean
    quantities = {row.quantity for row in rows}
    assert {
        "emmean",
        "contrast",
        "num_df",
        "den_df",
        "f_value",
        "d",
        "d_low",
        "d_high",
    } <= quantities


MISSING = {
    "reference-arm-absent": (4, 8 + 6),
    "arm-absent": (4, 4 + 3),
    "planned-arms-reference-absent": (4, 4 + 3),
    "empty-cell": (1, 1 + 1),
    "empty-cell-kenward-roger": (1, 1 + 1),
    "no-rows-to-weigh-by": (1, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_estimable_is_missing_on_both_sides(lme4: RLiveEngine, name: str) -> None:
    python, r, _ = both(lme4, name)
    for side in (python, r):
        assert side.emmeans is not None
        assert side.contrasts is not None
        found = (
            sum(math.isnan(row.emmean) for row in side.emmeans),
            sum(math.isnan(row.contrast) for row in side.contrasts),
        )
        assert found == MISSING.get(name, (0, 0))


@pytest.mark.parametrize("weights", ["proportional", "outer", "cells", "flat"])
def test_every_weighting_is_rs(lme4: RLiveEngine, weights: str) -> None:
    frame = without("dose == 'high' and visit == 'w12' and arm == 'B'")()
    equal = spec("y ~ dose * visit + arm * visit + (1 | id)", besides=asked(DOSE))
    other = replace(equal, besides=replace(asked(DOSE), weights=weights))
    rows = compare_model(KEY, PORT.fit(other, frame), lme4.fit(other, frame))
    assert {row.verdict for row in rows} == {Verdict.MATCH}
    rows = compare_model(KEY, PORT.fit(equal, frame), lme4.fit(other, frame))
    red = {row.quantity for row in rows if row.red}
    assert red >= {"emmean", "std_error"}


def test_a_linear_model_with_an_empty_cell_has_no_type_iii_in_r(lme4: RLiveEngine) -> None:
    model = spec("y ~ dose * visit + arm", besides=asked(DOSE))
    frame = without("dose == 'mid' and visit == 'w8'")()
    python, r = PORT.fit(model, frame), lme4.fit(model, frame)
    assert r.anova == ()
    assert list(r.refused or {}) == ["anova"]
    lonely = [row for row in compare_model(KEY, python, r) if row.verdict is Verdict.PYTHON_ONLY]
    assert {row.term for row in lonely} == {
        f"anova({t})" for t in ("dose", "visit", "arm", "dose:visit")
    }
    assert {row.note for row in lonely} == {
        "r: type III of a linear model with empty cells or dependent columns is not unique here"
    }


def test_a_unit_that_does_not_exist_refuses_effect_sizes_on_both_sides(lme4: RLiveEngine) -> None:
    frame = patients().assign(base=lambda d: d["base"].where(d["id"].isin(["p001", "p002"])))
    model = spec("y ~ arm * visit + (1 | id)", besides=asked(unit=BASELINE))
    python, r = PORT.fit(model, frame), lme4.fit(model, frame)
    (row,) = [row for row in compare_model(KEY, python, r) if row.red]
    assert (row.term, row.verdict) == ("effect_size", Verdict.NOT_COMPUTED)
    assert row.note.startswith("python: no two values of `base` in one arm")
    assert "r: no two rows of one arm to take the baseline sd from" in row.note


def test_kenward_rogers_weights_are_not_clean_in_r_with_means_as_without(lme4: RLiveEngine) -> None:
    model = spec(DOSES, df_method="kenward-roger", weights="w", besides=asked(DOSE))
    rows = compare_model(KEY, PORT.fit(model, patients()), lme4.fit(model, patients()))
    assert {row.verdict for row in rows if row.quantity in OF_BESIDES} == {
        Verdict.REFERENCE_NOT_CLEAN
    }


def test_only_the_parts_asked_for_are_answered(lme4: RLiveEngine) -> None:
    for part, field in zip(ALL, ("emmeans", "contrasts", "anova", "effect_sizes"), strict=True):
        model = spec(CROSSED, besides=Besides((part,), ARM, VISIT, unit=EffectUnit()))
        found = lme4.fit(model, patients())
        answered = {
            name
            for name in ("emmeans", "contrasts", "anova", "effect_sizes")
            if getattr(found, name)
        }
        assert answered == {field}
    bare = lme4.fit(spec(CROSSED), patients())
    assert (bare.emmeans, bare.anova, bare.refused) == (None, None, None)


def test_what_is_asked_besides_changes_nothing_of_the_fit(lme4: RLiveEngine) -> None:
    bare = lme4.fit(spec(CROSSED), patients())
    more = lme4.fit(spec(CROSSED, besides=asked()), patients())
    nothing = dict.fromkeys(("emmeans", "contrasts", "anova", "effect_sizes"))
    assert replace(more, **nothing, versions=bare.versions) == bare
    assert set(more.versions) - set(bare.versions) == {"emmeans"}


def test_a_worker_answers_means_after_fits_and_fits_after_means(lme4: RLiveEngine) -> None:
    """emmeans is loaded when R starts, so that a question for it does not end the worker."""
    first = lme4.fit(spec(CROSSED, besides=asked()), patients())
    process = lme4._channel.pid
    lme4.fit(spec(CROSSED), patients())
    assert lme4.fit(spec(CROSSED, besides=asked()), patients()) == first
    assert lme4._channel.pid == process is not None


@pytest.mark.parametrize(
    "call", ["fit_lmer(angle ~ recipe + (1 | replicate)", "fit_lm(angle ~ recipe"]
)
def test_a_warning_on_the_way_makes_the_reference_not_clean(
    rscript: Callable[..., str], call: str
) -> None:
    told = rscript(
        f'source("{scripts_folder()}/run.R", chdir = TRUE)\n'
        'besides_of <- besides(c("anova", "contrasts"), arm = "recipe")\n'
        f"calm <- {call}, lme4::cake, besides = besides_of)\n"
        'tests_of_terms <- function(model) { warning("a doubt"); message("a remark"); list() }\n'
        f"told <- {call}, lme4::cake, besides = besides_of)\n"
        "cat(calm$quality$clean, told$quality$clean, told$quality$reasons, length(told$contrasts))"
    )
    assert told == "TRUE FALSE a doubt 2"


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
    "+",
]


def test_names_are_spelt_alike(rscript: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(json.dumps(ODD), encoding="utf-8")
    script = tmp_path / "spelt.R"
    script.write_text(
        f'source("{scripts_folder()}/besides.R")\nsettled <- Sys.setlocale("LC_CTYPE", "C.UTF-8")\n'
        f'given <- unlist(jsonlite::fromJSON("{tmp_path}/odd.json"))\n'
        'writeLines(vapply(given, spelt, ""), useBytes = TRUE)\n',
        encoding="utf-8",
    )
    assert rscript("", str(script)).split("\n")[:-1] == [spelt(text) for text in ODD]
