"""Models of which means, contrasts, tests and effect sizes are asked, each hard somewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from question_cases import change, patients
from r_examples import spec, trial

from harness.models.besides import Besides, DesignColumn, EffectUnit, MeanWeights, Part
from harness.models.spec import ModelSpec

ALL: tuple[Part, ...] = ("emmeans", "contrasts", "anova", "effect_size")
ARM = DesignColumn("arm", ("A", "B"))
DOSE = DesignColumn("dose", ("low", "mid", "high"))
VISIT = DesignColumn("visit", ("w0", "w4", "w8", "w12"))
WEEK = DesignColumn("week", ("0", "4", "8", "12"))
BASELINE = EffectUnit("baseline", None, "base", "arm", "id")

PLANNED = (("high", "mid"), ("low", "mid"))

Case = tuple[ModelSpec, Callable[[], pd.DataFrame]]


def asked(
    arm: DesignColumn | None = ARM,
    time: DesignColumn | None = VISIT,
    weights: MeanWeights = "equal",
    unit: EffectUnit | None = None,
    compare: tuple[tuple[str, str], ...] = (),
) -> Besides:
    return Besides(ALL, arm, time, weights, unit or EffectUnit(), compare=compare)


def without(query: str) -> Callable[[], pd.DataFrame]:
    return lambda: patients().query(f"not ({query})")


def flat() -> pd.DataFrame:
    """Patients whose slopes have no variance: the fit lies on the boundary."""
    weeks = trial(4, slope_sd=0.0, patients=40)
    visit = pd.Categorical([f"w{int(w)}" for w in weeks["week"]], list(VISIT.levels))
    return weeks.assign(visit=visit)


def years() -> pd.DataFrame:
    """A covariate whose mean is far from zero: much farther, and lme4 itself loses digits."""
    frame = patients()
    code = frame["id"].cat.codes.to_numpy()
    return frame.assign(year=np.random.default_rng(4).integers(101, 121, 40)[code].astype(float))


def oddly_named() -> pd.DataFrame:
    """Levels that could be read otherwise in the name of a contrast."""
    frame = patients()
    arms, visits = ["x", "a - b"], ["(0)", "a=b, c", 'é "q"', "a\\b"]
    frame["arm"] = frame["arm"].cat.rename_categories(arms)
    frame["visit"] = frame["visit"].cat.rename_categories(visits)
    return frame


CROSSED = "y ~ arm * visit + base + (1 | id)"
DOSES = "y ~ dose * visit + arm + (1 | id)"
KR = "kenward-roger"
ODD = asked(
    DesignColumn("arm", ("x", "a - b")), DesignColumn("visit", ("(0)", "a=b, c", 'é "q"', "a\\b"))
)

CASES: dict[str, Case] = {
    "satterthwaite": (spec(CROSSED, besides=asked()), patients),
    "kenward-roger": (
        spec(
            "y ~ arm * visit + dose + (1 | id)", df_method=KR, besides=asked(weights="proportional")
        ),
        patients,
    ),
    "slopes-baseline": (
        spec("y ~ dose * week + (week | id)", besides=asked(DOSE, WEEK, unit=BASELINE)),
        patients,
    ),
    "slopes-kenward-roger": (
        spec("y ~ dose * week + (week | id)", df_method=KR, besides=asked(DOSE, WEEK)),
        patients,
    ),
    "residual-df": (
        spec(
            "y ~ dose * week + arm + (1 | id)",
            df_method="residual",
            besides=asked(DOSE, WEEK, "outer", EffectUnit("residual")),
        ),
        patients,
    ),
    "z-weights-offset": (
        spec(
            *("y ~ dose * visit + arm + (1 | id)",),
            df_method="z",
            weights="w",
            offset="o",
            besides=asked(DOSE, VISIT, "cells", EffectUnit("given", 3.0)),
        ),
        patients,
    ),
    "weights-offset-slopes": (
        spec(
            "y ~ dose * visit + arm + (week | id)",
            weights="w",
            offset="o",
            besides=asked(DOSE, VISIT, "proportional"),
        ),
        patients,
    ),
    "linear": (spec("y ~ arm * base + dose", besides=asked(time=None)), change),
    "linear-weights-offset": (
        spec(
            "y ~ arm * base + dose",
            weights="w",
            offset="o",
            besides=asked(time=None, weights="flat", unit=BASELINE),
        ),
        change,
    ),
    "linear-z": (spec("y ~ arm + dose", df_method="z", besides=asked(time=None)), change),
    "time-alone": (spec("y ~ visit + (1 | id)", besides=asked(None)), patients),
    "factor-of-a-number": (
        spec("y ~ arm * factor(week) + (1 | id)", besides=asked(time=WEEK)),
        patients,
    ),
    "reference-arm-absent": (spec(DOSES, besides=asked(DOSE)), without("dose == 'low'")),
    "arm-absent": (spec(DOSES, besides=asked(DOSE)), without("dose == 'mid'")),
    "planned-arms": (spec(DOSES, besides=asked(DOSE, compare=PLANNED)), patients),
    "planned-arms-reference-absent": (
        spec(DOSES, besides=asked(DOSE, compare=PLANNED)),
        without("dose == 'low'"),
    ),
    "empty-cell": (spec(DOSES, besides=asked(DOSE)), without("dose == 'mid' and visit == 'w8'")),
    "empty-cell-kenward-roger": (
        spec(DOSES, df_method=KR, besides=asked(DOSE)),
        without("dose == 'mid' and visit == 'w8'"),
    ),
    "no-rows-to-weigh-by": (
        spec("y ~ dose + arm * visit + (1 | id)", besides=asked(DOSE, VISIT, "cells")),
        without("dose == 'mid' and visit == 'w8'"),
    ),
    "boundary": (spec("y ~ arm * visit + (week | id)", besides=asked()), flat),
    "ml": (spec("y ~ arm * visit + (1 | id)", reml=False, besides=asked()), patients),
    "codings": (
        spec(
            "y ~ arm * visit + dose + (1 | id)",
            contrasts=(("arm", "sum"), ("visit", "helmert")),
            besides=asked(),
        ),
        patients,
    ),
    "moderator": (spec("y ~ arm * visit * age + (1 | id)", besides=asked()), patients),
    "year": (spec("y ~ arm * visit + arm * year + (1 | id)", besides=asked()), years),
    "arms-within-visits": (
        spec("y ~ visit + arm:visit + base + (1 | id)", besides=asked()),
        patients,
    ),
    "arms-within-visits-kenward-roger": (
        spec(
            "y ~ arm * visit - arm + dose + (1 | id)", df_method=KR, besides=asked(weights="outer")
        ),
        patients,
    ),
    "times-within-arms": (
        spec("y ~ dose / visit + (1 | id)", df_method="z", besides=asked(DOSE)),
        patients,
    ),
    "no-main-effect-of-week": (
        spec("y ~ arm + arm:week + (week | id)", besides=asked(time=WEEK)),
        patients,
    ),
    "cells-alone": (spec("y ~ arm:visit + (1 | id)", besides=asked()), patients),
    "centred": (
        spec("y ~ arm * center(week) + log(week + 1) + (1 | id)", besides=asked(time=WEEK)),
        patients,
    ),
    "numbers-of-few-values": (
        spec("y ~ dose * week + few + (1 | id)", besides=asked(DOSE, WEEK, "cells")),
        lambda: patients().assign(few=lambda d: (np.arange(len(d)) % 3 == 0).astype(float)),
    ),
    "odd-levels": (spec("y ~ arm * visit + (1 | id)", besides=ODD), oddly_named),
    "curved": (spec("log(y) ~ arm * poly(week, 2) + (1 | id)", besides=asked(time=WEEK)), patients),
}
