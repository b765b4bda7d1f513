"""Models whose observed values are asked about, each hard somewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from besides_cases import ARM, DOSE, ODD, VISIT, WEEK, oddly_named, without
from question_cases import patients
from r_examples import spec

from harness.models.besides import OBSERVED, Besides, DesignColumn, Part
from harness.models.observed import Observed, ResponderRule
from harness.models.spec import ModelSpec

RULE = ResponderRule(20.0, "lower", "nonresponder", "newcombe")
Case = tuple[ModelSpec, Callable[[], pd.DataFrame]]


def asked(
    arm: DesignColumn = ARM,
    time: DesignColumn = VISIT,
    rule: ResponderRule = RULE,
    compare: tuple[tuple[str, str], ...] = (),
    outcome: str = "y",
    parts: tuple[Part, ...] = OBSERVED,
) -> Besides:
    return Besides(parts, compare=compare, observed=Observed("id", arm, time, outcome, rule))


def improving() -> pd.DataFrame:
    """Scores of the order 50, in decimals, that fall by a fifth or so; some zero, some negative."""
    frame = patients().sort_values("id", kind="stable").reset_index(drop=True)
    rng = np.random.default_rng(6)
    first = rng.choice([0.0, -2.0, 3.3, 15.0, 50.0, 61.7, 70.0], 40)
    code = frame["id"].cat.codes.to_numpy()
    share = np.where(frame["visit"] == "w0", 1.0, rng.choice([1.1, 0.9, 0.8, 0.4], len(frame)))
    frame["y"] = np.round(first[code] * share, 3)
    frame.loc[frame.index[[4, 31, 60]], "y"] = np.nan
    return frame


def numbered() -> pd.DataFrame:
    """Patients without a number, times that are no level of the plan, an arm nobody knows."""
    frame = patients()
    frame["id"] = frame["id"].cat.codes.to_numpy() + 0.5
    frame.loc[frame.index[[2, 50]], "id"] = np.nan
    frame["arm"] = frame["arm"].astype(str)
    return frame


def few() -> pd.DataFrame:
    """Few patients of one arm, fewer of another, one of the third; at w8 the values are equal."""
    frame = patients()
    kept = {"low": 4, "mid": 3, "high": 1}
    ids = [
        one
        for dose, count in kept.items()
        for one in frame.loc[frame["dose"] == dose, "id"].unique()[:count]
    ]
    frame = frame[frame["id"].isin(ids)].copy()
    frame.loc[frame["visit"] == "w8", "y"] = 0.1
    return frame


def sparse() -> pd.DataFrame:
    """Few first values: pairs of values exist for some patients only."""
    frame = patients()
    frame.loc[(frame["visit"] == "w0") & (frame["id"].cat.codes % 3 > 0), "y"] = np.nan
    return frame


CROSSED = "y ~ arm * visit + (1 | id)"
DOSES = "y ~ dose * visit + (1 | id)"
CASES: dict[str, Case] = {
    "two-arms": (spec(CROSSED, besides=asked()), improving),
    "excluded-wald": (
        spec(CROSSED, besides=asked(rule=ResponderRule(33.3, "lower", "exclude", "wald"))),
        improving,
    ),
    "higher-is-better": (
        spec("y ~ arm + visit", besides=asked(rule=replace(RULE, direction="higher"))),
        improving,
    ),
    "three-arms-planned": (
        spec(DOSES, besides=asked(DOSE, compare=(("high", "mid"), ("low", "mid")))),
        improving,
    ),
    "weeks-as-numbers": (
        spec("y ~ arm * week + (1 | id)", conf_level=0.9, besides=asked(time=WEEK)),
        improving,
    ),
    "numbers-for-patients": (spec("y ~ arm * visit + base", besides=asked()), numbered),
    "log-weights-offset": (
        spec(
            "log(y) ~ dose * visit + arm", weights="w", offset="o", besides=asked(DOSE)
        ),
        lambda: patients().assign(y=lambda d: d["y"].abs() + 1.0),
    ),
    "times-beyond-the-plan": (
        spec("y ~ arm * visit", besides=asked(time=DesignColumn("visit", ("w4", "w0", "w12")))),
        patients,
    ),
    "sparse": (spec("y ~ dose + visit", besides=asked(DOSE)), sparse),
    "arm-absent": (
        spec("y ~ dose * visit + arm", besides=asked(DOSE)),
        without("dose == 'mid'"),
    ),
    "no-first-values": (
        spec("y ~ dose + visit", besides=asked(DOSE)),
        without("dose == 'high' and visit == 'w0'"),
    ),
    "few": (spec("y ~ dose + visit", besides=asked(DOSE)), few),
    "odd-levels": (
        spec("y ~ arm * visit", besides=asked(ODD.arm or ARM, ODD.time or VISIT)),
        oddly_named,
    ),
    "rows-omitted": (
        spec("y ~ dose * visit + age", besides=asked(DOSE)),
        lambda: improving().assign(age=lambda d: d["age"].where(d["age"] > 30.0)),
    ),
}  # fmt: skip
