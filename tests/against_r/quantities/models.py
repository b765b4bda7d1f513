"""The models every quantity is compared over: classics, both studies, and a generated grid."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TESTS = Path(__file__).resolve().parents[2]
FIXTURES = TESTS.parent / "fixtures"
sys.path.insert(0, str(TESTS / "engines" / "port"))

from port_data import classic, longitudinal, trial_by_site, two_wave  # noqa: E402

from harness.data import derive, open_study  # noqa: E402
from harness.language import parse_formula  # noqa: E402
from harness.plan import load_plan  # noqa: E402
from harness.sets import analysis_sets  # noqa: E402

SECOND = "second_"
"""The column of the other response that a model is fitted to again."""


@dataclass(frozen=True)
class Model:
    """A model, and what is asked of its means.

    Attributes:
        data: the rows; those the model does not use are dropped before R and the port see them.
        factor: of the fixed effects, whose means are compared.
        by: a second factor, or a number at two values.
        number: a predictor whose slope is asked for, and at two of whose values means are.
        drop: a fixed term; the model without it is the smaller one of the likelihood ratio.
        twin: the same model in a unit in which lmerTest's derivatives work; see ``rules``.
        unit: the response's unit in the twin's.
        boundary: whether the optimum lies on the boundary of what a covariance can be.
        interior: there, the model without what is zero; see ``rules``.
        quick: whether it belongs to the default tier.
    """

    data: Callable[[], pd.DataFrame]
    formula: str
    reml: bool = True
    factor: str = ""
    by: str = ""
    number: str = ""
    drop: str = ""
    twin: str = ""
    unit: float = 1.0
    boundary: bool = False
    interior: str = ""
    quick: bool = False

    @property
    def response(self) -> str:
        return self.formula.split(" ~ ")[0]

    @property
    def groups(self) -> list[str]:
        """The labels of the grouping factors that are columns."""
        named = [term.group_label for term in parse_formula(self.formula).random]
        return [label for label in named if label in self.frame()]

    @property
    def smaller(self) -> str:
        """The model without ``drop``, for the likelihood ratio."""
        left, right = self.formula.split(" ~ ")
        parsed = parse_formula(self.formula)
        fixed = [term.label for term in parsed.terms if term.label != self.drop]
        random = right[right.index("(") :]
        return f"{left} ~ {' + '.join(['1', *fixed, random])}"

    def frame(self) -> pd.DataFrame:
        """The rows used, with another response beside the first."""
        return _frame(self)


@cache
def _frame(model: Model) -> pd.DataFrame:
    frame = model.data()
    words = set(_names(model.formula))
    frame = frame[[c for c in frame.columns if c in words]].dropna().reset_index(drop=True)
    for column in frame:
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            used = frame[column].cat.remove_unused_categories()
            frame[column] = used.cat.rename_categories([str(c) for c in used.cat.categories])
    rng = np.random.default_rng(20)
    y = frame[model.response].to_numpy(dtype=float)
    frame[SECOND] = y + rng.normal(size=len(y)) * y.std()
    return frame


def _names(formula: str) -> list[str]:
    kept = "".join(c if c.isalnum() or c in "_." else " " for c in formula)
    return kept.split()


@cache
def study(name: str, chosen: str) -> pd.DataFrame:
    """An analysis set of a study."""
    path = FIXTURES / name / "plan.yaml"
    frame = derive(open_study(path))
    return frame[analysis_sets(load_plan(path), frame)[chosen].mask].reset_index(drop=True)


def visits(seed: int = 11, missing: float = 0.25, sd: tuple[float, float] = (1.0, 0.3)) -> Any:
    """A trial of three arms over four visits, with covariates; balanced where nothing misses."""
    frame = longitudinal(seed, groups=36, visits=4, sd=sd, missing=missing)
    rng = np.random.default_rng(seed)
    code = frame["g"].cat.codes.to_numpy()
    frame["arm"] = pd.Categorical(
        np.array(["TAU", "MBSR", "CBT"])[code % 3], ["TAU", "MBSR", "CBT"]
    )
    frame["visit"] = pd.Categorical(frame["t"].map(lambda t: f"v{t:.0f}"))
    frame["age"] = rng.uniform(20.0, 70.0, size=36)[code]
    return frame


def scaled(data: Callable[[], pd.DataFrame], unit: float) -> Callable[[], pd.DataFrame]:
    return lambda: data().assign(y=lambda d: d["y"] * unit)


def far_apart() -> pd.DataFrame:
    """Patients a thousand residual SDs apart."""
    return visits(sd=(1e3, 0.3))


def apart() -> pd.DataFrame:
    """Patients thirty residual SDs apart."""
    return visits(sd=(30.0, 0.3))


SLEEP = partial(classic, "sleepstudy")
CAKE = partial(classic, "cake")
LINE = "Reaction ~ Days + (Days | Subject)"

CLASSICS: dict[str, Model] = {
    "sleepstudy-slopes-reml": Model(SLEEP, LINE, number="Days", drop="Days", quick=True),
    "sleepstudy-slopes-ml": Model(SLEEP, LINE, reml=False, number="Days", drop="Days"),
    "sleepstudy-intercept-reml": Model(
        SLEEP, "Reaction ~ Days + (1 | Subject)", number="Days", drop="Days"
    ),
    "sleepstudy-uncorrelated-reml": Model(
        SLEEP, "Reaction ~ Days + (Days || Subject)", number="Days", drop="Days"
    ),
    "sleepstudy-quadratic-reml": Model(
        SLEEP, "Reaction ~ Days + I(Days^2) + (Days | Subject)", number="Days", drop="I(Days^2)"
    ),
    "dyestuff-reml": Model(partial(classic, "Dyestuff"), "Yield ~ 1 + (1 | Batch)"),
    "dyestuff-ml": Model(partial(classic, "Dyestuff"), "Yield ~ 1 + (1 | Batch)", reml=False),
    "dyestuff2-singular-reml": Model(
        partial(classic, "Dyestuff2"), "Yield ~ 1 + (1 | Batch)",
        boundary=True, interior="Yield ~ 1",
    ),
    "penicillin-crossed-reml": Model(
        partial(classic, "Penicillin"), "diameter ~ 1 + (1 | plate) + (1 | sample)"
    ),
    "penicillin-crossed-ml": Model(
        partial(classic, "Penicillin"), "diameter ~ 1 + (1 | plate) + (1 | sample)", reml=False
    ),
    "pastes-nested-reml": Model(
        partial(classic, "Pastes"), "strength ~ 1 + (1 | batch) + (1 | sample)"
    ),
    "cake-reml": Model(
        CAKE, "angle ~ recipe * temperature + (1 | recipe:replicate)",
        factor="temperature", by="recipe", drop="recipe:temperature",
    ),
    "cake-two-factors-reml": Model(
        CAKE, "angle ~ recipe * temperature + (1 | replicate) + (1 | recipe:replicate)",
        factor="temperature", by="recipe", drop="recipe:temperature",
    ),
    "cake-slope-ml": Model(
        CAKE, "angle ~ recipe * temp + (1 | replicate)", reml=False,
        factor="recipe", number="temp", drop="recipe:temp",
    ),
}  # fmt: skip

BTHEB: dict[str, Model] = {
    f"btheb-{kind}-{chosen}-{'reml' if reml else 'ml'}": Model(
        partial(study, "btheb", chosen),
        formula,
        reml,
        factor="treatment",
        by="month" if kind == "visits" else "",
        number="" if kind == "visits" else "months",
        drop=drop,
    )
    for kind, formula, drop in (
        ("visits", "bdi ~ treatment * month + (1 | subject)", "treatment:month"),
        ("trend", "bdi ~ treatment * months + (months | subject)", "treatment:months"),
    )
    for chosen in ("ITT", "completers")
    for reml in ((True, False) if kind == "visits" else (True,))
}


MEASURED = ("fiqr_", "pips_", "pcs_", "pss_", "hads_", "ln_")


def mbsr() -> dict[str, Model]:
    """The plan's treatment effects on five questionnaires and the markers, in two sets."""
    plan = load_plan(FIXTURES / "mbsr" / "plan.yaml")
    effects = [one for one in plan.analyses if one.id in ("efficacy", "biomarkers")]
    every = [outcome for analysis in effects for outcome in analysis.outcomes]
    outcomes = [outcome for outcome in every if outcome.startswith(MEASURED)]
    return {
        f"mbsr-{chosen}-{outcome}-reml": Model(
            partial(study, "mbsr", chosen),
            f"{outcome} ~ arm * time + (1 | id)",
            factor="arm",
            by="time",
            drop="arm:time",
            quick=(chosen, outcome) == ("ITT", "fiqr_total"),
        )
        for chosen in ("ITT", "PP")
        for outcome in outcomes
    }


FEW = [f"g{k:03d}" for k in range(9)]
CELLS = "y ~ arm * visit + age + (1 | g)"
SLOPES = "y ~ arm * t + age + (t | g)"
FAR = 10_000.0
"""Where time begins if it is far from zero."""
UNITS = {"1e-6": 1e-6, "1e-3": 1e-3, "1e3": 1e3, "1e6": 1e6, "1e9": 1e9}


def cells(data: Callable[[], pd.DataFrame], formula: str = CELLS, **more: Any) -> Model:
    return Model(data, formula, factor="visit", by="arm", drop="arm:visit", **more)


def slopes(data: Callable[[], pd.DataFrame], formula: str = SLOPES, **more: Any) -> Model:
    return Model(data, formula, factor="arm", number="t", drop="arm:t", **more)


def trend(data: Callable[[], pd.DataFrame], **more: Any) -> Model:
    formula = "y ~ arm * t + age + (1 | g)"
    return Model(data, formula, factor="arm", number="t", drop="arm:t", **more)


def late(data: Callable[[], pd.DataFrame]) -> Callable[[], pd.DataFrame]:
    return lambda: data().assign(t=lambda d: d["t"] + FAR)


balanced = partial(visits, 3, 0.0)
unbalanced = partial(visits, 11, 0.25)
sloping = partial(visits, 4, 0.25, (1.0, 0.6))
crossed = partial(trial_by_site, 3, patients=40, sites=9)
SITES = "y ~ arm * t + (1 | id) + (1 | site)"

GRID: dict[str, Model] = {
    "balanced-cells-reml": cells(balanced),
    "balanced-cells-ml": cells(balanced, reml=False),
    "balanced-slopes-reml": slopes(balanced),
    "unbalanced-cells-reml": cells(unbalanced, quick=True),
    "unbalanced-cells-ml": cells(unbalanced, reml=False),
    "unbalanced-slopes-reml": slopes(sloping),
    "unbalanced-slopes-ml": slopes(sloping, reml=False),
    "unbalanced-trend-reml": trend(unbalanced),
    "unbalanced-uncorrelated-reml": slopes(sloping, "y ~ arm * t + age + (t || g)"),
    "unbalanced-own-times-reml": Model(
        lambda: longitudinal(7, groups=30, grid=False), "y ~ arm * t + (t | g)",
        factor="arm", number="t", drop="arm:t",
    ),
    "two-wave-reml": Model(
        two_wave, "y ~ arm * time + (1 | id)", factor="arm", by="time", drop="arm:time"
    ),
    "few-groups-reml": cells(lambda: visits(7)[lambda d: d["g"].isin(FEW)].reset_index(drop=True)),
    "near-singular-slopes-reml": Model(
        lambda: longitudinal(16, groups=90, visits=4, sd=(1.0, 0.12)), "y ~ arm * t + (t | g)",
        factor="arm", number="t", drop="arm:t",
    ),
    "near-singular-intercept-reml": cells(partial(visits, 23, 0.25, (0.25, 0.0))),
    "singular-intercept-reml": Model(
        lambda: two_wave(seed=3, correlation=-0.5), "y ~ arm * time + (1 | id)",
        factor="arm", by="time", drop="arm:time", boundary=True, interior="y ~ arm * time",
    ),
    "singular-slope-reml": slopes(
        partial(visits, 5, 0.25, (1.0, 0.0)), "y ~ arm * t + age + (t || g)",
        boundary=True, interior="y ~ arm * t + age + (1 | g)",
    ),
    "singular-correlation-reml": slopes(unbalanced, boundary=True),
    "singular-crossed-reml": Model(
        lambda: trial_by_site(1, patients=30, sd=(1.0, 0.0, 0.0, 0.0)), SITES,
        factor="arm", number="t", drop="arm:t", boundary=True, interior="y ~ arm * t + (1 | id)",
    ),
    "crossed-reml": Model(
        crossed,
        "y ~ arm * t + (1 | rater) + (1 | id) + (1 | site)",
        factor="arm", number="t", drop="arm:t", quick=True,
    ),
    "crossed-slopes-reml": Model(
        crossed, "y ~ arm * t + (t | id) + (1 | rater)",
        factor="arm", number="t", drop="arm:t",
    ),
    "crossed-ml": Model(
        crossed, SITES, reml=False,
        factor="arm", number="t", drop="arm:t",
    ),
    "large-effects-30-reml": cells(apart),
    "far-covariate-reml": cells(lambda: visits().assign(age=lambda d: d["age"] + 2026.0)),
    **{
        f"cells-times-{name}-reml": cells(
            scaled(unbalanced, unit), twin="unbalanced-cells-reml", unit=unit,
            quick=name == "1e-6",
        )
        for name, unit in UNITS.items()
    },
    **{
        f"slopes-times-{name}-reml": slopes(
            scaled(sloping, unit), twin="unbalanced-slopes-reml", unit=unit
        )
        for name, unit in UNITS.items()
    },
    "crossed-times-1e9-reml": Model(
        scaled(crossed, 1e9),
        "y ~ arm * t + (1 | rater) + (1 | id) + (1 | site)",
        factor="arm", number="t", drop="arm:t", twin="crossed-reml", unit=1e9,
    ),
}  # fmt: skip

MODELS: dict[str, Model] = {**CLASSICS, **BTHEB, **mbsr(), **GRID}

LATE: dict[str, Model] = {
    "late-slopes-reml": slopes(late(sloping), twin="unbalanced-slopes-reml"),
    "late-trend-reml": trend(late(unbalanced), twin="unbalanced-trend-reml"),
    "late-crossed-reml": Model(
        late(crossed), "y ~ arm * t + (1 | rater) + (1 | id) + (1 | site)",
        factor="arm", number="t", drop="arm:t", twin="crossed-reml",
    ),
}  # fmt: skip
"""Time begins at 10,000: pbkrtest then stops with an error, and lmerTest loses its digits."""

LARGE: dict[str, Model] = {"large-effects-1000-reml": cells(far_apart)}
"""pbkrtest drops a covariance parameter there, lme4 loses six digits: see ``test_beyond_r.py``."""

EVERY = {**MODELS, **LATE, **LARGE}
