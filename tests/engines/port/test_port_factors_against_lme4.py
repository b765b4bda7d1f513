"""Several grouping factors beside lme4 and lmerTest: every row of the diff table must hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from port_data import classic, trial_by_site

from harness.compare import CrossCheck, compare_model
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.spec import ModelKey, ModelSpec

pytestmark = pytest.mark.live_r

MODELS = {
    "penicillin": ("Penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)"),
    "penicillin-other-order": ("Penicillin", "diameter ~ 1 + (1 | sample) + (1 | plate)"),
    "pastes": ("Pastes", "strength ~ 1 + (1 | batch/cask)"),
    "pastes-written-out": ("Pastes", "strength ~ 1 + (1 | batch) + (1 | cask:batch)"),
    "cake": ("cake", "angle ~ recipe * temperature + (1 | recipe:replicate)"),
    "cake-two": ("cake", "angle ~ recipe * temperature + (1 | replicate) + (1 | recipe:replicate)"),
    "cake-slopes": (
        "cake",
        "angle ~ recipe + temp + (0 + scale(temp) | replicate) + (1 | recipe:replicate)",
    ),
    "site": ("trial", "y ~ arm * t + (1 | id) + (1 | site)"),
    "site-nested": ("trial", "y ~ arm * t + (1 | site/id)"),
    "site-slopes": ("trial", "y ~ arm * t + (t | id) + (1 | site)"),
    "site-slopes-uncorrelated": ("trial", "y ~ arm * t + (t || id) + (1 | site)"),
    "site-slopes-both": ("trial", "y ~ arm * t + (t | id) + (t | site)"),
    "site-arm-by-site": ("trial", "y ~ arm * t + (1 | id) + (0 + arm | site)"),
    "crossed": ("trial", "y ~ arm + t + (1 | id) + (1 | rater)"),
    "crossed-three": ("trial", "y ~ arm + t + (1 | rater) + (1 | id) + (1 | site)"),
    "crossed-interaction": ("trial", "y ~ t + (1 | rater:site) + (1 | rater)"),
    "crossed-two-terms": ("trial", "y ~ t + (1 | rater) + (0 + t | rater) + (1 | id)"),
    "singular-site": ("no-site", "y ~ arm * t + (1 | id) + (1 | site)"),
    "singular-slopes": ("no-site", "y ~ arm * t + (t | id) + (t | site)"),
    "singular-all": ("nothing", "y ~ t + (1 | id) + (1 | rater) + (1 | site)"),
}


def data(name: str) -> pd.DataFrame:
    made = {
        "trial": lambda: trial_by_site(1, patients=60, sites=9),
        "no-site": lambda: trial_by_site(2, patients=40, sd=(1.0, 0.0, 0.0, 0.0)),
        "nothing": lambda: trial_by_site(4, patients=40, sd=(0.0, 0.0, 0.0, 0.0)),
    }
    return made[name]() if name in made else classic(name)


def red_rows(lme4: RLiveEngine, spec: ModelSpec, frame: pd.DataFrame) -> list[str]:
    """What the diff table of the two engines shows in red, each at its own optimum."""
    engine = PortEngine()
    port, r = engine.fit(spec, frame), lme4.fit(spec, frame)
    cross = CrossCheck(
        engine.criterion_at(spec, frame, r.theta), engine.criterion_at(spec, frame, port.theta)
    )
    rows = compare_model(ModelKey("a", "all", "y"), port, r, cross)
    assert len(rows) > 8
    return [
        f"{row.term} {row.quantity}: port {row.python!r}, lme4 {row.r!r}, {row.verdict}; {row.note}"
        for row in rows
        if row.red
    ]


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("model", MODELS)
def test_every_row_matches(lme4: RLiveEngine, model: str, reml: bool) -> None:
    name, formula = MODELS[model]
    red = red_rows(lme4, ModelSpec(parse_formula(formula), reml=reml), data(name))
    assert not red, "\n".join(red)


@pytest.mark.parametrize("seed", range(6))
def test_criterion_at_any_theta_agrees(lme4: RLiveEngine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spec = ModelSpec(parse_formula("y ~ arm * t + (t | id) + (1 | site)"), reml=seed % 2 == 0)
    theta = (rng.normal(size=4) * 10.0 ** rng.uniform(-2, 1)).tolist()
    theta = [abs(theta[0]), theta[1], abs(theta[2]), abs(theta[3])]
    port, r = (e.criterion_at(spec, data("trial"), theta) for e in (PortEngine(), lme4))
    assert port == pytest.approx(r, abs=1e-8)


@pytest.mark.parametrize("df", ["residual", "z"])
def test_other_df_methods_agree(lme4: RLiveEngine, df: str) -> None:
    formula = parse_formula(MODELS["site-slopes"][1])
    assert not red_rows(lme4, ModelSpec(formula, df_method=df), data("trial"))


FORMULAS = (
    "y ~ arm * t + (1 | id) + (1 | site)",
    "y ~ arm * t + (t | id) + (1 | site)",
    "y ~ t + (t || id) + (1 | site)",
    "y ~ arm + (1 | site/id)",
    "y ~ t + (1 | id) + (0 + t | site)",
    "y ~ arm * t + (t | id) + (t | site)",
    "y ~ arm + t + (1 | id) + (1 | rater) + (1 | site)",
    "y ~ t + (1 | rater:site) + (t | rater)",
    "y ~ 1 + (1 | id:rater) + (1 | id) + (1 | rater)",
    "y ~ t + (1 | rater) + (0 + t | rater) + (1 | id)",
    "y ~ arm * t + (arm | rater) + (1 | id)",
)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(200))
def test_random_designs(lme4: RLiveEngine, seed: int) -> None:
    """Any size, any balance, variances from zero up, responses of any unit."""
    rng = np.random.default_rng(seed)
    sites = int(rng.integers(3, 9))
    sd = [float(rng.choice([0.0, 0.05, 0.3, 1.0, 3.0])) for _ in range(4)]
    frame = trial_by_site(
        seed,
        sites=sites,
        patients=int(rng.integers(max(sites, 8), 45)),
        visits=int(rng.integers(3, 7)),
        raters=int(rng.integers(3, 25)),
        sd=(sd[0], sd[1], sd[2], sd[3]),
        missing=float(rng.choice([0.0, 0.1, 0.3])),
    )
    frame["y"] *= 10.0 ** rng.uniform(-2, 4)
    spec = ModelSpec(parse_formula(str(rng.choice(FORMULAS))), reml=bool(rng.random() < 0.6))
    engine = PortEngine()
    try:
        r = lme4.fit(spec, frame)
    except ModelError:
        with pytest.raises(ModelError):
            engine.fit(spec, frame)
        return
    port = engine.fit(spec, frame)
    assert port.converged, port.messages
    if r.quality is not None and not r.quality.clean:
        # Then only this can be held against the port: a worse optimum.
        assert port.fit.criterion <= r.fit.criterion + 1e-8
        return
    if port.fit.criterion < r.fit.criterion - 1e-8:
        return  # the port's optimum is the better one
    red = red_rows(lme4, spec, frame)
    assert not red, "\n".join(red)
