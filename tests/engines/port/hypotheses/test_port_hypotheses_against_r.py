"""Tables of terms, F tests, likelihood ratios and random terms against lmerTest and lme4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypotheses_data import cells
from port_data import classic, longitudinal, trial_by_site, two_wave
from port_r import ask_r

import harness
from harness.data import derive, open_study
from harness.engines.port.fit import Fit

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
DDF = {"Satterthwaite": "satterthwaite", "Kenward-Roger": "kenward-roger"}


@cache
def study(name: str) -> pd.DataFrame:
    return derive(open_study(FIXTURES / name / "plan.yaml"))


@dataclass(frozen=True)
class Model:
    """A model whose tables are compared, and how closely lmerTest and pbkrtest compute their own.

    Attributes:
        df: relative limit of Satterthwaite's df, which lmerTest has from numerical derivatives.
        kr: relative limit of Kenward-Roger's.
        f: relative limit of F.
    """

    data: Callable[[], pd.DataFrame]
    formula: str
    contrasts: dict[str, str] = field(default_factory=dict)
    types: tuple[int, ...] = (1, 2, 3)
    df: float = 1e-6
    kr: float = 1e-9
    f: float = 1e-8


FAR = "y ~ arm * t + (1 | g)"
CELLS = "y ~ a * b * c + x * a + z + (1 | g)"
MODELS = {
    "cake": Model(
        lambda: classic("cake"),
        "angle ~ recipe * temperature + (1 | replicate) + (1 | recipe:replicate)",
    ),
    "cake-slopes-singular": Model(
        lambda: classic("cake"), "angle ~ recipe * temp + (temp | replicate)", df=1e-5
    ),
    "sleepstudy-quadratic": Model(
        lambda: classic("sleepstudy"), "Reaction ~ Days + I(Days^2) + (Days | Subject)"
    ),
    "btheb": Model(
        lambda: study("btheb"), "bdi ~ treatment * month + drug * length + (1 | subject)"
    ),
    "btheb-slopes": Model(
        lambda: study("btheb"), "bdi ~ drug + treatment * months + (months | subject)"
    ),
    "mbsr": Model(lambda: study("mbsr"), "fiqr_total ~ arm * time + age + (1 | id)"),
    "two-wave-singular": Model(
        lambda: two_wave(seed=3, correlation=-0.5), "y ~ arm * time * z + (1 | id)"
    ),
    "cells": Model(lambda: cells(1), CELLS),
    "cells-slope": Model(lambda: cells(5, rows=10), "y ~ a * b + x + (x | g)"),
    "cells-empty": Model(lambda: cells(2, empty=True), "y ~ a * b * c + x + (1 | g)"),
    "cells-empty-order": Model(lambda: cells(2, empty=True), "y ~ z + c * b + a * b + (1 | g)"),
    "cells-sum": Model(lambda: cells(1), CELLS, {"a": "sum", "b": "sum", "c": "sum"}),
    "cells-mixed-codings": Model(lambda: cells(3), CELLS, {"a": "helmert", "b": "poly"}),
    "cells-empty-sum": Model(
        lambda: cells(2, empty=True), "y ~ a * b + x + (1 | g)", {"a": "sum", "b": "helmert"}
    ),
    "cells-tiny": Model(lambda: cells(1).assign(y=lambda d: 1e-6 * d["y"]), CELLS),
    "cells-huge": Model(lambda: cells(1).assign(y=lambda d: 1e9 * d["y"]), CELLS),
    "cells-singular": Model(lambda: cells(7, sd=0.0), CELLS),
    # Ours do not change with the origin (test_port_anova.py): it is R that loses the digits.
    "far-from-zero": Model(
        lambda: longitudinal(1).assign(t=lambda d: d["t"] + 10_000.0),
        FAR,
        types=(1, 2),
        df=2e-3,
        kr=1e-7,
        f=1e-6,
    ),
    "determined-column": Model(
        lambda: cells(4).assign(x2=lambda d: 2.0 * d["x"]), "y ~ x + a * b + x2 + (1 | g)"
    ),
    "one-term": Model(lambda: cells(4), "y ~ a:b + (1 | g)"),
    "no-intercept": Model(lambda: cells(4), "y ~ 0 + x + a + (1 | g)"),
    "polynomial": Model(lambda: cells(4), "y ~ poly(x, 2) * a + (1 | g)", types=(1, 3)),
    "three-factors": Model(
        lambda: trial_by_site(1), "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)"
    ),
}

UNITS = ("cells-tiny", "cells-huge")
"""Here lmerTest's numerical derivatives fail: it says 2.2 df where the same data in another unit
have 88.6. Ours must be those of the unit in which lmerTest is right."""


@cache
def fitted(name: str) -> Fit:
    model = MODELS[name]
    return harness.lmer(model.formula, model.data(), contrasts=model.contrasts or None)


def hypotheses(name: str) -> list[np.ndarray]:
    """Random contrasts, one set of them of unequal size.

    Of many, or of very unequal ones, contestMD drops some as if they were dependent.
    """
    if name == "far-from-zero":
        return []  # any two random contrasts there are the same to eight digits
    p = len(fitted(name).names)
    rng = np.random.default_rng(len(name))
    lengths = sorted({1, min(2, p), min(4, p)})
    made = [rng.normal(size=(k, p)) for k in lengths]
    return [*made, made[-1] * np.geomspace(0.3, 3.0, len(made[-1]))[:, None]]


PAIRS: dict[str, tuple[Callable[[], pd.DataFrame], tuple[str, ...], bool]] = {
    "sleepstudy": (
        lambda: classic("sleepstudy"),
        (
            "Reaction ~ Days + (Days | Subject)",
            "Reaction ~ Days + (1 | Subject)",
            "Reaction ~ 1 + (1 | Subject)",
            "Reaction ~ Days",
        ),
        True,
    ),
    "sleepstudy-reml": (
        lambda: classic("sleepstudy"),
        ("Reaction ~ Days + (Days | Subject)", "Reaction ~ Days + (Days || Subject)"),
        False,
    ),
    "btheb": (
        lambda: study("btheb"),
        (
            "bdi ~ treatment * months + drug + (months | subject)",
            "bdi ~ treatment + months + (months | subject)",
        ),
        True,
    ),
    "crossed": (
        lambda: trial_by_site(1),
        (
            "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)",
            "y ~ t + (t | id) + (1 | rater)",
            "y ~ t + (1 | id) + (1 | rater)",
        ),
        True,
    ),
    "not-nested": (
        lambda: cells(1),
        ("y ~ a + (1 | g)", "y ~ b + (1 | g)", "y ~ x + c + z + (1 | g)"),
        True,
    ),
}

RANDOM: dict[str, tuple[Callable[[], pd.DataFrame], str, bool]] = {
    "sleepstudy": (lambda: classic("sleepstudy"), "Reaction ~ Days + (Days | Subject)", True),
    "sleepstudy-ml": (lambda: classic("sleepstudy"), "Reaction ~ Days + (Days | Subject)", False),
    "sleepstudy-uncorrelated": (
        lambda: classic("sleepstudy"),
        "Reaction ~ Days + (Days || Subject)",
        True,
    ),
    "dyestuff-none-left": (lambda: classic("Dyestuff"), "Yield ~ 1 + (1 | Batch)", True),
    "dyestuff-none-left-ml": (lambda: classic("Dyestuff"), "Yield ~ 1 + (1 | Batch)", False),
    "dyestuff2-zero": (lambda: classic("Dyestuff2"), "Yield ~ 1 + (1 | Batch)", True),
    "penicillin": (
        lambda: classic("Penicillin"),
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        True,
    ),
    "pastes": (lambda: classic("Pastes"), "strength ~ 1 + (1 | batch/cask)", True),
    "factor-effects": (lambda: cells(6, rows=12), "y ~ a + x + (0 + c | g)", True),
    "two-slopes": (lambda: cells(9, rows=14), "y ~ a + x + z + (x + c | g)", True),
    "crossed": (lambda: trial_by_site(1), "y ~ arm * t + (t | id) + (1 | rater)", True),
    "huge": (
        lambda: trial_by_site(1).assign(y=lambda d: 1e9 * d["y"]),
        "y ~ arm * t + (t | id) + (1 | site)",
        True,
    ),
}

LINEAR = {
    "linear-cells": (lambda: cells(1), "y ~ a * b + x + z"),
    "linear-far-from-zero": (lambda: cells(1).assign(x=lambda d: d["x"] + 1e4), "y ~ a * x"),
}

DROPPED = ("btheb-slopes", "cells", "cells-empty", "cells-mixed-codings", "three-factors")
"""Models whose single deletions are compared, too."""

FIRST_LEVEL = {
    "no-intercept-two-factors": "y ~ 0 + a * b + (1 | g)",
    "nested": "y ~ a + a:b + (1 | g)",
}
"""Where lmerTest's test of `a` is one at the first level of b, so that the table hangs on the order
of levels. Ours is that of unweighted means: see test_port_anova.py."""


def reversed_b() -> pd.DataFrame:
    frame = cells(4)
    return frame.assign(b=frame["b"].cat.reorder_categories(["b3", "b2", "b1"]))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    models: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {}
    for name, model in MODELS.items():
        models[f"anova {name}"] = (
            model.data(),
            {
                "formula": model.formula,
                "theta": fitted(name).theta.tolist(),
                "types": [str(kind) for kind in model.types],
                "ddf": list(DDF),
                "drop": list(DDF) if name in DROPPED else [],
                "contrasts": {k: f"contr.{how}" for k, how in model.contrasts.items()},
                "hypotheses": [L.tolist() for L in hypotheses(name)],
            },
        )
    facts = {"formula": FAR, "theta": fitted("far-from-zero").theta.tolist(), "types": ["2", "3"]}
    facts |= {"ddf": ["Satterthwaite"], "contrasts": {}, "hypotheses": []}
    models["far from zero"] = (MODELS["far-from-zero"].data(), facts)
    for name, formula in FIRST_LEVEL.items():
        for frame, key in ((cells(4), name), (reversed_b(), f"{name} reversed")):
            theta = harness.lmer(formula, frame).theta.tolist()
            facts = {"formula": formula, "theta": theta, "types": ["3"], "ddf": ["Satterthwaite"]}
            models[f"anova {key}"] = (frame, {**facts, "contrasts": {}, "hypotheses": []})
    for name, (data, formulas, refit) in PAIRS.items():
        facts = {"formula": formulas[0], "others": list(formulas[1:]), "refit": refit}
        models[f"pairs {name}"] = (data(), facts)
    for name, (data, formula, reml) in RANDOM.items():
        models[f"random {name}"] = (data(), {"formula": formula, "random": True, "reml": reml})
    for name, (data, formula) in LINEAR.items():
        models[name] = (data(), {"formula": formula, "linear": True})
    script = Path(__file__).with_name("hypotheses.R")
    return ask_r(script, tmp_path_factory.mktemp("lmertest"), models)


def numbers(values: Any) -> np.ndarray:
    """What R said, NaN for NA."""
    listed = values if isinstance(values, list) else [values]
    return np.array([np.nan if v == "NA" else v for v in listed], dtype=float)


def off(got: Any, wanted: np.ndarray) -> float:
    """Largest relative difference; both must be NaN in the same places."""
    got = np.asarray(got, dtype=float)
    assert (np.isnan(got) == np.isnan(wanted)).all(), (got, wanted)
    known = ~np.isnan(wanted) & (got != wanted)
    return float(np.abs(got[known] / wanted[known] - 1.0).max(initial=0.0))


@pytest.mark.live_r
@pytest.mark.parametrize("ddf", DDF)
@pytest.mark.parametrize("name", MODELS)
def test_tables_of_terms_at_the_same_theta(answers: dict, name: str, ddf: str) -> None:
    model = MODELS[name]
    for kind in model.types:
        r = answers[f"anova {name}"]["tables"][f"{kind} {ddf}"]
        terms = r["term"] if isinstance(r["term"], list) else [r["term"]]
        ours = fitted(name).anova(kind, DDF[ddf])
        assert sorted(ours["term"]) == sorted(terms)
        ours = ours.set_index("term").loc[terms]  # lmerTest puts what has no df last
        wanted = {column: numbers(r[column]) for column in r if column != "term"}
        lost = np.isnan(wanted["NumDF"])
        assert (ours["num_df"][lost] == 0).all()
        assert (ours["num_df"][~lost] == wanted["NumDF"][~lost]).all(), kind
        gaps = {
            "sum_sq": off(ours["sum_sq"], wanted["Sum Sq"]),
            "mean_sq": off(ours["mean_sq"], wanted["Mean Sq"]),
            "f_value": off(ours["f_value"], wanted["F value"]),
        }
        # lmerTest rounds the contrasts of type III to seven digits: 0.1666667 for 1/6.
        assert max(gaps.values()) < (5e-6 if kind == 3 else model.f), (kind, gaps)
        if name in UNITS and ddf == "Satterthwaite":
            continue
        limit = model.df if ddf == "Satterthwaite" else max(model.kr, 1e-6 if kind == 3 else 0.0)
        assert off(ours["den_df"], wanted["DenDF"]) < limit, kind
        assert np.nanmax(np.abs(ours["p_value"] - wanted["Pr(>F)"])) < max(limit, 5e-6)


@pytest.mark.live_r
@pytest.mark.parametrize("name", MODELS)
def test_satterthwaite_f_of_random_contrasts(answers: dict, name: str) -> None:
    fit = fitted(name)
    if name in UNITS:
        name = "cells"
    for L, r in zip(hypotheses(name), answers[f"anova {name}"]["tests"], strict=True):
        test = fit.f_test(L, "satterthwaite")
        assert test.num_df == numbers(r["NumDF"])[0]
        assert test.f_value == pytest.approx(numbers(r["F value"])[0], rel=1e-8)
        assert test.den_df == pytest.approx(numbers(r["DenDF"])[0], rel=MODELS[name].df)


@pytest.mark.live_r
@pytest.mark.parametrize("ddf", DDF)
@pytest.mark.parametrize("name", DROPPED)
def test_single_deletions(answers: dict, name: str, ddf: str) -> None:
    r = answers[f"anova {name}"]["tables"][f"drop {ddf}"]
    ours = fitted(name).drop1(DDF[ddf])
    terms = r["term"] if isinstance(r["term"], list) else [r["term"]]
    assert ours["term"].tolist() == terms
    assert off(ours["num_df"], numbers(r["NumDF"])) == 0.0
    assert off(ours["f_value"], numbers(r["F value"])) < 1e-8
    limit = 1e-6 if ddf == "Satterthwaite" else 1e-9
    assert off(ours["den_df"], numbers(r["DenDF"])) < limit


@pytest.mark.live_r
def test_known_disagreement_far_from_zero(answers: dict) -> None:
    # With t starting at 10,000 lmerTest's contrasts of type III lose their small entries: for `arm`
    # it tests `arm:t`, and for `arm:t`, one coefficient, it gives 2.2 for the square of its own t
    # test, 4.14. Ours is the square.
    tables = answers["far from zero"]["tables"]
    two, three = (numbers(tables[f"{k} Satterthwaite"]["F value"]) for k in (2, 3))
    assert abs(three[2] / two[2] - 1.0) > 0.1, "lmerTest gets it right now: compare type 3 again"
    fit = fitted("far-from-zero")
    for kind in (2, 3):
        ours = fit.anova(kind)["f_value"]
        assert ours[2] == pytest.approx(fit.table().statistic[3] ** 2, rel=1e-9)
        assert ours[2] == pytest.approx(two[2], rel=1e-7)
        assert ours[0] == pytest.approx(two[0], rel=1e-7)


@pytest.mark.live_r
@pytest.mark.parametrize("name", FIRST_LEVEL)
def test_known_disagreement_that_hangs_on_the_first_level(answers: dict, name: str) -> None:
    said = [
        answers[f"anova {key}"]["tables"]["3 Satterthwaite"] for key in (name, f"{name} reversed")
    ]
    theirs = [numbers(table["F value"])[0] for table in said]
    assert abs(theirs[0] / theirs[1] - 1.0) > 0.01, "lmerTest no longer hangs on it: compare again"
    frames = (cells(4), reversed_b())
    ours = [harness.lmer(FIRST_LEVEL[name], frame).anova(3)["f_value"][0] for frame in frames]
    assert ours[0] == pytest.approx(ours[1], rel=1e-8)


@pytest.mark.live_r
@pytest.mark.parametrize("name", PAIRS)
def test_likelihood_ratios_each_at_its_own_optimum(answers: dict, name: str) -> None:
    data, formulas, refit = PAIRS[name]
    r = answers[f"pairs {name}"]
    frame = data()
    fits = [(harness.lmer if "|" in f else harness.lm)(f, frame) for f in formulas]
    ours = harness.likelihood_ratio(*fits, refit=refit)
    assert ours["n_par"].tolist() == r["npar"]
    for column, theirs in (("aic", "AIC"), ("bic", "BIC"), ("loglik", "logLik")):
        assert ours[column].to_numpy() == pytest.approx(numbers(r[theirs]), abs=1e-6), column
    assert off(ours["df"], numbers(r["Df"])) == 0.0
    assert np.nanmax(np.abs(ours["chisq"] - numbers(r["Chisq"]))) < 1e-5
    assert off(ours["p_value"], numbers(r["Pr(>Chisq)"])) < 1e-4


@pytest.mark.live_r
@pytest.mark.parametrize("name", RANDOM)
def test_random_terms_each_at_its_own_optimum(answers: dict, name: str) -> None:
    data, formula, reml = RANDOM[name]
    r = answers[f"random {name}"]
    ours = harness.lmer(formula, data(), reml=reml).ranova()
    assert ours["term"].tolist() == r["term"]
    assert ours["n_par"].tolist() == r["npar"]
    for column, theirs in (("loglik", "logLik"), ("aic", "AIC")):
        assert ours[column].to_numpy() == pytest.approx(numbers(r[theirs]), abs=1e-6), column
    assert off(ours["df"], numbers(r["Df"])) == 0.0
    assert np.nanmax(np.abs(ours["lrt"] - numbers(r["LRT"]))) < 1e-6
    assert np.nanmax(np.abs(ours["p_value"] - numbers(r["Pr(>Chisq)"]))) < 1e-6


@pytest.mark.live_r
@pytest.mark.parametrize("name", LINEAR)
def test_linear_models(answers: dict, name: str) -> None:
    data, formula = LINEAR[name]
    r, fit = answers[name], harness.lm(formula, data())
    one = fit.anova(1)
    assert one["term"].tolist() == r["one"]["term"][:-1]
    assert off(one["sum_sq"], numbers(r["one"]["Sum Sq"])[:-1]) < 1e-9
    assert off(one["f_value"], numbers(r["one"]["F value"])[:-1]) < 1e-9
    assert off(one["p_value"], numbers(r["one"]["Pr(>F)"])[:-1]) < 1e-7
    two = fit.anova(2).set_index("term")
    for term, value in zip(r["drop"]["term"][1:], numbers(r["drop"]["F value"])[1:], strict=True):
        assert two.loc[term, "f_value"] == pytest.approx(value, rel=1e-9)
