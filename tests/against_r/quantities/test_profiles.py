"""Profile intervals of every parameter, variance components too: R's deviance at the port's bounds.

lme4's own ``confint`` reads bounds off a spline and is right to thousandths of a width, so R is
asked what defines a bound: lme4's deviance function, minimised over all other parameters with this
one held there, is the minimum plus the chi-square quantile (less where the parameter ends).
Responses in other units are held to their twin's bounds: the script's steps are made for numbers
near 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import MODELS, SECOND, TESTS, Model
from port_r import ask_r
from scipy.stats import chi2

import harness
from harness.engines.port.fit import Fit

Q95 = float(chi2.ppf(0.95, 1))
SCRIPT = TESTS / "engines" / "port" / "intervals" / "profile.R"
ONE_UNIT = [name for name, model in MODELS.items() if not model.twin]


def by_ml(model: Model) -> Fit:
    return harness.lmer(model.formula, model.frame(), reml=False)


def bounds_for(fit: Fit, table: pd.DataFrame) -> tuple[list[str], list[dict[str, Any]]]:
    """The kinds of lme4's components in its order, and every bound of the table by its place."""
    kinds, places = [], {}
    for term in fit.design.random:
        for j, name in enumerate(term.names):
            for i in range(j, len(term.names)):
                label = f"cor({term.group}:{name},{term.names[i]})"
                kinds.append("sd" if i == j else "cor")
                places[f"sd({term.group}:{name})" if i == j else label] = len(kinds)
    places["sigma"] = len(kinds) + 1
    kinds.append("sigma")
    bounds = []
    for term, low, high in table[["term", "conf_low", "conf_high"]].itertuples(index=False):
        fixed = term in fit.names
        place = fit.names.index(term) + 1 if fixed else places[term]
        what = "fixed" if fixed else "component"
        bounds += [
            {"term": term, "what": what, "k": place, "value": value} for value in (low, high)
        ]
    return kinds, bounds


def at_the_edge(bound: dict[str, Any]) -> bool:
    term, value = bound["term"], bound["value"]
    return (term.startswith("sd(") and value == 0.0) or (
        term.startswith("cor(") and abs(value) == 1.0
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            n,
            id=f"{n}::profile",
            marks=() if n == "dyestuff-ml" else (pytest.mark.exhaustive,),
        )
        for n in ONE_UNIT
    ],
)
def test_deviance_at_our_bounds(tmp_path: Path, name: str) -> None:
    model = MODELS[name]
    fit = by_ml(model)
    kinds, bounds = bounds_for(fit, fit.confint("profile"))
    left, right = model.formula.split(" ~ ")
    facts = {
        "formula": model.formula,
        "random": right[right.index(" + (") + 3 :],
        "confint": False,
        "kinds": kinds,
        "bounds": bounds,
    }
    frame = model.frame().drop(columns=SECOND)
    said = ask_r(SCRIPT, tmp_path, {"model": (frame, facts)})["model"]
    assert said["deviance"] == pytest.approx(fit.criterion, abs=1e-6)
    wrong = []
    for bound, lowest in zip(bounds, said["values"], strict=True):
        rise = lowest - fit.criterion
        fits = rise <= Q95 + 1e-6 if at_the_edge(bound) else abs(rise - Q95) <= 1e-6
        if not fits and not (np.isnan(bound["value"]) and lowest is None):
            wrong.append((bound, rise - Q95))
    assert not wrong, (left, wrong)


@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if m.unit != 1.0])
def test_bounds_in_another_unit(name: str) -> None:
    model = MODELS[name]
    scaled, plain = (by_ml(m).confint("profile") for m in (model, MODELS[model.twin]))
    assert scaled["term"].tolist() == plain["term"].tolist()
    for column in ("estimate", "conf_low", "conf_high"):
        unit = np.where(plain["term"].str.startswith("cor("), 1.0, model.unit)
        wanted = plain[column].to_numpy() * unit
        width = (plain["conf_high"] - plain["conf_low"]).to_numpy() * unit
        assert np.abs((scaled[column].to_numpy() - wanted) / width).max() < 1e-7, column
