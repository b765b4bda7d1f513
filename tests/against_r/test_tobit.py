"""Tobit models: the port's numbers beside survreg's, and what both refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from r_examples import spec

from harness.compare import Verdict, compare_model
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.scripts import scripts_folder
from harness.errors import ModelError
from harness.models.besides import Besides
from harness.models.hypothesis import Hypothesis
from harness.models.spec import ModelKey

KEY = ModelKey("analysis", "set", "outcome")
PORT = PortEngine()


def markers(limit: float = -0.4) -> pd.DataFrame:
    """A marker on the log scale with a limit, missing values in outcome, flag and predictor."""
    rng = np.random.default_rng(3)
    n = 160
    frame = pd.DataFrame(
        {
            "arm": pd.Categorical(np.array(["A", "B"])[np.arange(n) % 2]),
            "g": pd.Categorical(rng.choice(["k", "l", "m"], n), ["k", "l", "m", "unused"]),
            "x y": rng.normal(100.0, 3.0, n),
            "o": rng.normal(size=n),
        }
    )
    y = 0.3 * (frame["arm"] == "B") + 0.1 * (frame["x y"] - 100) + rng.normal(size=n)
    frame["low"] = (y < limit).astype(float)
    frame["y"] = np.maximum(y, limit)
    frame.loc[3, "low"] = np.nan
    frame.loc[5, "y"] = np.nan
    frame.loc[8, "x y"] = np.nan
    return frame


HYPOTHESES = Besides(
    ("hypotheses",),
    hypotheses=(
        Hypothesis("t", ((("armB", 1.0), ("gl", 2.0)),), (0.5,)),
        Hypothesis("F", ((("armB", 1.0),), (("gl", 2.0), ("gm", -1.0))), (0.5, 0.0)),
    ),
)
CASES = {
    "interaction": ("y ~ arm * `x y` + g", {"besides": HYPOTHESES}, -0.4),
    "most": ("y ~ arm + `x y` + g", {}, 0.9),
    "dependent-column": ("y ~ `x y` + I(`x y` * 2) + arm", {"conf_level": 0.9}, -0.4),
    "offset": ("y ~ arm + offset(o)", {}, -0.4),
    "scaled-coded": ("y ~ scale(`x y`) * arm", {"contrasts": (("arm", "sum"),)}, -0.4),
    "no-intercept": ("exp(y) ~ 0 + g", {}, -0.4),
    "nothing-censored": ("y ~ arm + g", {}, -99.0),
}


@pytest.mark.parametrize("name", CASES)
def test_every_number_agrees(lme4: RLiveEngine, name: str) -> None:
    formula, choices, limit = CASES[name]
    frame = markers(limit)
    model = spec(formula, df_method="z", censored="low", **choices)
    python, r = PORT.fit(model, frame), lme4.fit(model, frame)
    rows = compare_model(KEY, python, r)
    assert {row.verdict for row in rows} == {Verdict.MATCH}, [row for row in rows if row.red][:3]
    assert max(row.share for row in rows) < 1e-3
    assert (r.engine, r.df_method, r.converged) == ("survreg", "z", True)
    assert r.quality is not None
    assert r.quality.gradient_norm < 1e-7
    assert r.versions["survival"]
    assert python.problem is not None
    assert python.problem.censored is not None


def test_a_level_below_the_limit_and_nothing_else_is_refused_by_both(lme4: RLiveEngine) -> None:
    frame = markers()
    hidden = (frame["g"] == "m") | (frame["low"] == 1)
    frame = frame.assign(low=hidden.astype(float), y=frame["y"].mask(hidden, -0.4))
    for engine in (PORT, lme4):
        with pytest.raises(ModelError, match="no finite estimate of gm: all rows that would tell"):
            engine.fit(spec("y ~ arm + g", df_method="z", censored="low"), frame)
        with pytest.raises(ModelError, match="rows are below the limit: nothing tells where"):
            engine.fit(spec("y ~ arm", df_method="z", censored="low"), frame.assign(low=1.0))
    two = markers()
    rest = two.index > 1
    two = two.assign(low=rest.astype(float), y=two["y"].mask(rest, 20.0))
    for engine in (PORT, lme4):
        with pytest.raises(ModelError, match="the 2 rows above the limit are fitted exactly"):
            engine.fit(spec("y ~ `x y`", df_method="z", censored="low"), two)


@pytest.mark.exhaustive
def test_a_search_cut_short_is_no_reference(rscript: Callable[..., str]) -> None:
    told = rscript(
        f'source("{scripts_folder()}/run.R", chdir = TRUE)\n'
        "teeth <- transform(as.data.frame(nlme::Orthodont), seen = pmax(distance, 21),\n"
        "                   low = as.numeric(distance < 21))\n"
        'calm <- fit_survreg(seen ~ age * Sex, teeth, "low")$quality\n'
        "survreg_steps <- 2L\n"
        'short <- fit_survreg(seen ~ age * Sex, teeth, "low")$quality\n'
        'cat(calm$clean, short$clean, paste(short$reasons, collapse = "; "))'
    )
    assert told.startswith("TRUE FALSE Ran out of iterations and did not converge; survreg stopped")
