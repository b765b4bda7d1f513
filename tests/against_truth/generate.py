"""Write the 45-digit truth of small models: ``python tests/against_truth/generate.py [case]``.

Takes a few minutes. The data are stored with the answers, so that truth and data cannot part.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from exact import DIGITS, WORKING, answers, optimum
from mpmath import mp, mpf

HERE = Path(__file__).resolve().parent
TRUTH = HERE / "truth"
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "engines" / "port")]

from design import exact_model  # noqa: E402
from port_data import classic, longitudinal, trial_by_site, two_wave  # noqa: E402

import harness  # noqa: E402


def far() -> pd.DataFrame:
    """Patients a million residual SDs apart."""
    frame = longitudinal(4, groups=12, sd=(1.0, 0.0))
    return frame.assign(y=frame["y"] + 1e6 * frame["g"].cat.codes)


def plates() -> pd.DataFrame:
    """The first ten plates of Penicillin."""
    frame = classic("Penicillin")
    kept = frame[frame["plate"].isin(sorted(frame["plate"].unique())[:10])]
    return kept.assign(plate=kept["plate"].cat.remove_unused_categories()).reset_index(drop=True)


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
    "pastes-nested-reml": (
        "strength ~ 1 + (1 | batch / cask)",
        True,
        lambda: classic("Pastes"),
    ),
    "penicillin-crossed-reml": ("diameter ~ 1 + (1 | plate) + (1 | sample)", True, plates),
    "penicillin-crossed-ml": ("diameter ~ 1 + (1 | plate) + (1 | sample)", False, plates),
    "site-slopes-reml": (
        "y ~ arm * t + (t | id) + (1 | site)",
        True,
        lambda: trial_by_site(3, sites=4, patients=14),
    ),
    "site-rater-reml": (
        "y ~ t + (1 | id) + (1 | site) + (1 | rater)",
        True,
        lambda: trial_by_site(5, sites=4, patients=14, raters=5),
    ),
}


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
        model = exact_model(fit.design)
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
