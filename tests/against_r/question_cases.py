"""Questions put to R in the tests: one of each kind, on data that are hard on somebody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from r_examples import SLEEP, classic, sleepstudy, spec, trial

from harness.models.spec import ModelSpec


@dataclass(frozen=True)
class Case:
    question: str
    model: ModelSpec | None
    frame: pd.DataFrame | None
    arguments: dict[str, Any] = field(default_factory=dict)


def patients() -> pd.DataFrame:
    """Drop-outs, missing outcomes, a moderator and a baseline by patient, visits as a factor."""
    frame = trial(3, slope_sd=0.4, patients=40)
    rng = np.random.default_rng(8)
    code = frame["id"].cat.codes.to_numpy()
    frame["age"] = rng.uniform(20.0, 70.0, 40)[code]
    frame["base"] = rng.normal(50.0, 7.0, 40)[code]
    frame["dose"] = pd.Categorical(
        np.array(["low", "mid", "high"])[code % 3], ["low", "mid", "high"]
    )
    frame["visit"] = pd.Categorical(
        [f"w{int(w)}" for w in frame["week"]], ["w0", "w4", "w8", "w12"]
    )
    frame["y"] += 1.0 * (frame["arm"] == "B") * (frame["age"] - 50.0)
    frame["w"] = rng.uniform(0.5, 2.0, len(frame))
    frame["o"] = rng.normal(size=len(frame))
    frame.loc[frame.index[[4, 31]], "y"] = np.nan
    return frame


def cake() -> pd.DataFrame:
    return classic("cake", "recipe", "replicate", "temperature")


def change() -> pd.DataFrame:
    """One row a patient: the last visit, with its baseline."""
    frame = patients().dropna(subset=["y"])
    return frame.groupby("id", observed=True).tail(1).reset_index(drop=True)


BY_VISIT = {"subject": "id", "visit": "visit"}
MODERATED = "y ~ arm * age + week + (1 | id)"
RECIPES = "angle ~ recipe * temperature + (1 | replicate)"
KR: dict[str, Any] = {"df_method": "kenward-roger"}

CASES: dict[str, Case] = {
    "intermediates": Case("intermediates", spec(SLEEP), sleepstudy()),
    "intermediates-lm": Case("intermediates", spec("y ~ arm + base", weights="w"), change()),
    "kenward-roger": Case(
        "kenward_roger",
        spec("y ~ arm * week + (week | id)", **KR),
        patients(),
        {"hypotheses": [[[0, 0, 0, 1]], [[0, 1, 0, 0], [0, 0, 0, 1]]]},
    ),
    "means": Case("emmeans", spec(RECIPES), cake(), {"specs": ["recipe", "temperature"]}),
    "pairs": Case(
        "emmeans",
        spec("y ~ dose * visit + base + (1 | id)", **KR),
        patients(),
        {"specs": ["dose"], "by": ["visit"], "contrast": "pairwise", "adjust": "tukey"},
    ),
    "against-a-control": Case(
        "emmeans",
        spec("y ~ dose + week + (1 | id)"),
        patients(),
        {"specs": ["dose"], "contrast": "trt.vs.ctrl", "ref": "mid", "adjust": "mvt"},
    ),
    "custom": Case(
        "emmeans",
        spec("y ~ dose + base", weights="w", offset="o"),
        change(),
        {"specs": ["dose"], "contrast": {"last": [0.5, 0.5, -1]}, "adjust": "none"},
    ),
    "trends": Case(
        "emmeans",
        spec("y ~ dose * week + (1 | id)"),
        patients(),
        {"specs": ["dose"], "var": "week", "contrast": "poly", "adjust": "holm"},
    ),
    "differences": Case(
        "emmeans",
        spec("y ~ arm * visit + (1 | id)"),
        patients(),
        {"specs": ["arm", "visit"], "interaction": ["pairwise", "consec"]},
    ),
    "joint-tests": Case("joint_tests", spec("y ~ arm * visit + (1 | id)", **KR), patients()),
    "anova": Case("anova", spec("y ~ arm * visit + base + (1 | id)"), patients(), {"type": 2}),
    "anova-lm": Case("anova", spec("y ~ dose * base + arm", weights="w"), change(), {"type": 3}),
    "eta": Case("partial_eta_squared", spec("y ~ dose + base"), change()),
    "likelihood-ratio": Case(
        "likelihood_ratio",
        spec("y ~ week + (1 | id)"),
        patients(),
        {"others": [spec("y ~ week * arm + (1 | id)"), spec("y ~ week")]},
    ),
    "random-terms": Case("random_terms", spec("y ~ arm * week + (week | id)"), patients()),
    "profile": Case("profile", spec("y ~ arm + week + (1 | id)"), patients()),
    "predict": Case(
        "predict",
        spec("y ~ arm * week + (week | id)"),
        patients(),
        {"newdata": patients().iloc[[0, 4, 60]], "new_levels": True},
    ),
    "moderation": Case(
        "moderation",
        spec(MODERATED, **KR),
        patients(),
        {"effect": "armB", "moderator": "age", "values": [30, 60], "mean_sd": True, "per": "id"},
    ),
    "effect-size": Case(
        "effect_size",
        spec("y ~ arm * week + (1 | id)"),
        patients(),
        {
            "of": {"at 12 weeks": [0, 1, 0, 12]},
            "by_sd": "baseline",
            "baseline": "base",
            "arm": "arm",
            "per": "id",
        },
    ),
    "hedges-g": Case(
        "hedges_g", None, change(), {"outcome": "y", "arm": "arm", "compare": ["A", "B"]}
    ),
    "gls": Case("gls", spec("y ~ arm * visit"), patients(), {**BY_VISIT, "covariance": "ar1h"}),
    "glmmtmb": Case("glmmtmb", spec("y ~ arm * week + (week | id)"), patients()),
    "glmmtmb-by-visit": Case(
        "glmmtmb", spec("y ~ arm * visit", reml=False), patients(), {**BY_VISIT, "covariance": "un"}
    ),
    "imputed": Case(
        "imputed",
        spec("y ~ arm * visit + base + (1 | id)"),
        patients(),
        {
            **BY_VISIT,
            "arm": "arm",
            "covariates": ["base"],
            "imputations": 3,
            "iterations": 1,
            "seed": 1,
            "reference": "A",
            "baseline": "w0",
        },
    ),
    "adjust": Case(
        "adjust", None, None, {"p_values": [0.01, None, 0.04, 0.03], "method": "hommel"}
    ),
}
