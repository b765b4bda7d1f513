"""Write the 45-digit truth of small models: ``python tests/against_truth/generate.py [case]``.

Takes half a minute. The data are stored with the answers, so that truth and data cannot part.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from exact import DIGITS, WORKING, Group, Model, answers, optimum
from mpmath import mp, mpf

HERE = Path(__file__).resolve().parent
TRUTH = HERE / "truth"
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "engines" / "port")]

from port_data import classic, longitudinal, two_wave  # noqa: E402

import harness  # noqa: E402


def far() -> pd.DataFrame:
    """Patients a million residual SDs apart."""
    frame = longitudinal(4, groups=12, sd=(1.0, 0.0))
    return frame.assign(y=frame["y"] + 1e6 * frame["g"].cat.codes)


CASES = {
    "sleepstudy-slopes-reml": (
        "Reaction ~ Days + (Days | Subject)",
        True,
        lambda: classic("sleepstudy"),
    ),
    "sleepstudy-slopes-ml": (
        "Reaction ~ Days + (Days | Subject)",
        False,
        lambda: classic("sleepstudy"),
    ),
    "sleepstudy-intercept-reml": (
        "Reaction ~ Days + (1 | Subject)",
        True,
        lambda: classic("sleepstudy"),
    ),
    "dyestuff-reml": ("Yield ~ 1 + (1 | Batch)", True, lambda: classic("Dyestuff")),
    "two-wave-ml": ("y ~ arm * time + (1 | id)", False, lambda: two_wave()),
    "own-times-uncorrelated-reml": (
        "y ~ arm * t + (t || g)",
        True,
        lambda: longitudinal(2, groups=30, grid=False),
    ),
    "near-flat-slopes-reml": (
        "y ~ arm * t + (t | g)",
        True,
        lambda: longitudinal(16, groups=90, visits=4, sd=(1.0, 0.12)),
    ),
    "far-apart-intercept-reml": ("y ~ t + (1 | g)", True, far),
    "far-from-zero-slopes-reml": (
        "y ~ t + (t | g)",
        True,
        lambda: longitudinal(8, groups=20).assign(t=lambda d: d["t"] + 1e4),
    ),
}


def exact_model(fit: harness.lmer) -> Model:
    """The design as exact numbers; the design itself is held to R's elsewhere, bit for bit."""
    design = fit.design
    columns = [column for term in design.random for column in term.columns]
    codes = design.groupings[0].codes
    groups = []
    for g in range(int(codes.max()) + 1):
        rows = np.flatnonzero(codes == g)
        groups.append(
            Group(
                mp.matrix(design.X[rows].tolist()),
                mp.matrix([[column[i] for column in columns] for i in rows.tolist()]),
                mp.matrix(design.y[rows].tolist()),
            )
        )
    structure = fit._problem.data.structure
    places = list(zip(structure.rows.tolist(), structure.columns.tolist(), strict=True))
    return Model(groups, places, design.spec.reml)


def spelt(value: object) -> object:
    if isinstance(value, dict):
        return {key: spelt(part) for key, part in value.items()}
    if isinstance(value, list):
        return [spelt(part) for part in value]
    return mp.nstr(value, DIGITS) if isinstance(value, mpf) else value


def main(names: list[str]) -> None:
    mp.dps = WORKING
    TRUTH.mkdir(exist_ok=True)
    for name in names or CASES:
        formula, reml, data = CASES[name]
        frame = data()
        fit = harness.lmer(formula, frame, reml=reml)
        model = exact_model(fit)
        theta = optimum(model, [mpf(value) for value in fit.theta.tolist()])
        needed = [c for c in frame.columns if c in formula]
        columns = {
            c: frame[c].tolist() if frame[c].dtype == float else frame[c].astype(str).tolist()
            for c in needed
        }
        levels = {
            c: [str(level) for level in frame[c].cat.categories]
            for c in needed
            if isinstance(frame[c].dtype, pd.CategoricalDtype)
        }
        record = {"formula": formula, "reml": reml, "levels": levels, "data": columns}
        record["truth"] = spelt(answers(model, theta))
        path = TRUTH / f"{name}.json"
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(name, record["truth"]["criterion"], record["truth"]["df"], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
