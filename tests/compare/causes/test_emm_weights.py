"""Means weighted otherwise than the plan says: seen in a run, and named, whoever did it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pandas as pd
import pytest
from tampering import Tamper, opened

import harness
from harness.compare.causes import Asked, find_cause
from harness.compare.causes.besides import KIND, other_weights
from harness.engines.port.engine import PortEngine
from harness.engines.port.fit import fit_design
from harness.language import parse_formula
from harness.models.besides import Besides, DesignColumn, EffectUnit, MeanWeights
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec
from harness.pipeline import RunResult

if TYPE_CHECKING:
    from harness.engines.protocol import Engine
    from harness.engines.r.engine import RLiveEngine

ROOT = Path(__file__).resolve().parents[3]
FORMULA = '"{outcome} ~ treatment * month + drug + length + (1 | subject)"'
REPORT = "[coefficients, random, fit, emmeans, contrasts, anova, effect_size]"
OTHER = "by the frequencies of what they average over (proportional)"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Beat the Blues with two factors of unequal frequency beside arm and time."""
    study = tmp_path / "fixtures" / "btheb"
    shutil.copytree(ROOT / "fixtures" / "btheb", study)
    shutil.copytree(ROOT / "expectations", tmp_path / "expectations")
    text = (study / "plan.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("  - id: trend\n")
    reference = rest[rest.index("reference:") :]
    head = head.replace('"{outcome} ~ treatment * month + (1 | subject)"', FORMULA)
    lines = [f"    report: {REPORT}" if "report: [" in line else line for line in head.splitlines()]
    (study / "plan.yaml").write_text("\n".join([*lines, reference]), encoding="utf-8")
    return study / "plan.yaml"


def weighted(weights: MeanWeights) -> Tamper:
    def tamper(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, pd.DataFrame]:
        assert spec.besides is not None
        return replace(spec, besides=replace(spec.besides, weights=weights)), frame

    return tamper


def same(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, pd.DataFrame]:
    return spec, frame


class Otherwise(PortEngine):
    """The port, weighting by frequencies whatever is asked."""

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        return super().fit(*weighted("proportional")(spec, frame))


def run(plan: Path, r: Engine, tamper: Tamper, monkeypatch: pytest.MonkeyPatch) -> RunResult:
    monkeypatch.setattr("harness.pipeline.open_references", opened(r, tamper))
    return harness.run(plan)


def check(result: RunResult, cause: str) -> None:
    """Every model is red in its means, nothing else is, and one cause stands in every red row."""
    assert result.exit_code == 1
    for place in ("visits/ITT/bdi", "visits/completers/bdi"):
        red = [row for row in result.table.rows if row.red and row.place == place]
        assert {row.cause for row in red} == {cause}
        assert "emmean" in {row.quantity for row in red}
        terms = {row.term for row in red}
        assert all(term.startswith("treatment=") for term in terms), terms


def test_nothing_is_red_where_both_weigh_as_asked(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(plan, PortEngine(), same, monkeypatch).exit_code == 0


def test_r_is_named(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(plan, PortEngine(), weighted("proportional"), monkeypatch)
    check(result, f"r weighted the means {OTHER}, not equally (equal)")


def test_python_is_named(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.pipeline.engine_named", lambda name: Otherwise())
    result = run(plan, PortEngine(), same, monkeypatch)
    check(result, f"python weighted the means {OTHER}, not equally (equal)")


@pytest.mark.live_r
@pytest.mark.parametrize("weights", ["proportional", "outer", "cells"])
def test_r_is_named_when_r_did_it(
    plan: Path, monkeypatch: pytest.MonkeyPatch, lme4: RLiveEngine, weights: Any
) -> None:
    result = run(plan, lme4, weighted(weights), monkeypatch)
    said = {row.cause for row in result.table.rows if row.red}
    assert len(said) == 1
    assert said.pop().startswith("r weighted the means by ")


def unbalanced() -> pd.DataFrame:
    """A nuisance factor of three levels, of other frequencies in every cell, one of them empty."""
    import numpy as np

    rng = np.random.default_rng(11)
    n = 90
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), 3), "time": np.tile(["t0", "t1", "t2"], n)})
    frame["arm"] = np.repeat(np.where(np.arange(n) % 2, "New", "TAU"), 3)
    site = np.where(np.arange(n) % 2, rng.choice(4, n, p=[0.6, 0.2, 0.1, 0.1]), rng.choice(3, n))
    frame["site"] = np.repeat(np.array(list("abcd"))[site], 3)
    frame["ward"] = np.repeat(rng.choice(["u", "v"], n, p=[0.8, 0.2]), 3)
    effect = {"a": 0.0, "b": 2.0, "c": -3.0, "d": 6.0}
    frame["y"] = (
        frame["site"].map(effect)
        + 3.0 * (frame["ward"] == "v") * (frame["site"] == "a")
        + rng.normal(size=len(frame))
        + np.repeat(rng.normal(size=n), 3)
    )
    frame.loc[rng.random(len(frame)) < 0.1, "y"] = np.nan
    for name in ("id", "time", "arm", "site", "ward"):
        frame[name] = pd.Categorical(frame[name].astype(str))
    frame["arm"] = frame["arm"].cat.reorder_categories(["TAU", "New"])
    return frame


ARM = DesignColumn("arm", ("TAU", "New"))
TIME = DesignColumn("time", ("t0", "t1", "t2"))
KINDS: tuple[MeanWeights, ...] = get_args(MeanWeights)


@pytest.mark.parametrize("done", KINDS)
@pytest.mark.parametrize("asked", KINDS)
def test_every_weighting_is_told_from_every_other(asked: MeanWeights, done: MeanWeights) -> None:
    frame = unbalanced()
    formula = parse_formula("y ~ arm * time + site * ward + (1 | id)")
    spec = ModelSpec(formula, besides=Besides(("emmeans", "contrasts"), ARM, TIME, asked))
    right = PortEngine().fit(spec, frame)
    other = replace(spec, besides=Besides(("emmeans", "contrasts"), ARM, TIME, done))
    off = replace(PortEngine().fit(other, frame), engine="lme4")
    causes = find_cause(Asked(spec, frame), right, off)
    if asked == done:
        assert causes == ()
        return
    (cause,) = causes
    assert (cause.side, cause.kind) == ("r", KIND)
    assert f"({done}), not" in cause.words
    assert cause.words.endswith(f"({asked})")


def test_only_means_have_weights() -> None:
    formula = parse_formula("y ~ arm * time + site + (1 | id)")
    frame = unbalanced()
    for besides in (None, Besides(("anova",), ARM, TIME)):
        assert list(other_weights(Asked(ModelSpec(formula, besides=besides), frame))) == []


def cause_of(change: Callable[[ModelSpec, pd.DataFrame], Estimates], **choices: Any) -> str:
    """The cause found for what someone did, where means and the rest were asked, too."""
    besides = Besides(("emmeans", "contrasts", "anova", "effect_size"), ARM, TIME)
    formula = parse_formula("y ~ arm * time + site + (1 | id)")
    spec = ModelSpec(formula, besides=besides, **choices)
    frame = unbalanced()
    right, off = PortEngine().fit(spec, frame), change(spec, frame)
    (cause,) = find_cause(Asked(spec, frame, id="id", time="time"), right, off)
    return cause.words


class TestOtherCausesAreStillFound:
    def test_ml(self) -> None:
        words = cause_of(lambda s, f: PortEngine().fit(replace(s, reml=False), f))
        assert words == "fitted by ML, not REML"

    def test_z(self) -> None:
        words = cause_of(lambda s, f: PortEngine().fit(replace(s, df_method="z"), f))
        assert words == "took normal instead of t distributions (z tests)"

    def test_a_level_of_confidence(self) -> None:
        words = cause_of(lambda s, f: PortEngine().fit(replace(s, conf_level=0.9), f))
        assert words == "gave intervals of level 0.9, not 0.95"

    def test_errors_not_adjusted(self) -> None:
        from harness.compare.causes.answers import _mixed_errors

        words = cause_of(lambda s, f: _mixed_errors(Asked(s, f)), df_method="kenward-roger")
        assert words == "did not adjust the standard errors (Kenward-Roger)"

    def test_their_means_have_plain_errors_and_kenward_rogers_df(self) -> None:
        from harness.compare.causes.besides import besides_unadjusted

        spec = ModelSpec(
            parse_formula("y ~ arm * time + site + (1 | id)"),
            besides=Besides(("emmeans", "contrasts", "effect_size"), ARM, TIME, unit=EffectUnit()),
        )
        fit = fit_design(build_design(spec, unbalanced()))
        found = besides_unadjusted(fit, 0.95)
        plain = fit.emmeans(["arm", "time"], df="z").table()
        adjusted = fit.emmeans(["arm", "time"], df="kenward-roger").table()
        assert [row.std_error for row in found["emmeans"]] == plain["std_error"].tolist()
        assert [row.df for row in found["emmeans"]] == adjusted["df"].tolist()
        assert found["effect_sizes"][0].sd > fit.sigma

    def test_another_unit(self) -> None:
        def cents(spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
            return PortEngine().fit(spec, frame.assign(y=100.0 * frame["y"]))

        assert cause_of(cents) == "has the outcome in another unit, times 100"

    def test_a_patient_left_out(self) -> None:
        words = cause_of(lambda s, f: PortEngine().fit(s, f[f["id"] != "7"]))
        assert words.startswith("left out the ")
        assert words.endswith(" rows with id 7")

    def test_a_search_that_stopped_short(self) -> None:
        def short(spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
            theta = [1.01 * value for value in PortEngine().fit(spec, frame).theta]
            return PortEngine().at(spec, frame, theta)

        assert cause_of(short).startswith("stopped ")

    def test_there_degrees_of_freedom_may_hang_on_the_parametrisation(self) -> None:
        def short(spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
            theta = [1.01 * value for value in PortEngine().fit(spec, frame).theta]
            off = PortEngine().at(spec, frame, theta)
            assert off.anova is not None
            assert off.effect_sizes is not None
            return replace(
                off,
                anova=tuple(replace(row, den_df=1.001 * row.den_df) for row in off.anova),
                effect_sizes=tuple(
                    replace(row, d_low=row.d_low - 1e-4, d_high=row.d_high + 1e-4)
                    for row in off.effect_sizes
                ),
            )

        assert cause_of(short).startswith("stopped ")
