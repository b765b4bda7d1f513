"""4 patients in 3 visits, and what an engine says that answered with other rows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from asked_trial import PORT, spec

from harness.compare.causes import Asked
from harness.compare.causes.change import Change
from harness.models.design import build_design
from harness.models.prints import problem_print
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

SPEC = spec("y ~ arm + week + (1 | id)")
PLAIN = spec("y ~ arm + week", df_method="residual", reml=False)


def small(**columns: Any) -> pd.DataFrame:
    """4 patients in 3 visits; levels in no particular order, one value missing."""
    arms, ids = ["b", "c", "a", "b"], ["P3", "P1", "P4", "P2"]
    given = {
        "y": [9.0, 7.0, 6.5, 8.0, math.nan, 3.0, 5.0, 5.5, 4.0, 2.0, 1.0, 0.5],
        "week": [0.0, 1.0, 2.0] * 4,
        "arm": pd.Categorical(np.repeat(arms, 3), ["b", "c", "a"]),
        "id": pd.Categorical(np.repeat(ids, 3)),
    }
    return pd.DataFrame({**given, **columns})


def about(frame: pd.DataFrame | None = None, given: ModelSpec = SPEC, **known: Any) -> Asked:
    given_rows = small() if frame is None else frame
    return Asked(given, given_rows, **{"id": "id", "time": "week", **known})


def answer(frame: pd.DataFrame, given: ModelSpec = SPEC) -> Estimates:
    """What an engine that answered with these rows says of them: counts and print."""
    design = build_design(given, frame)
    seen = problem_print(design)
    groups = {g.label: len(g.sizes) for g in design.groupings}
    base = PORT.fit(spec("y ~ week", df_method="residual", reml=False), small())
    return replace(base, n_obs=seen.n_obs, groups=groups, problem=seen)


def kinds(changes: list[Change]) -> set[str]:
    """All of them are the question asked, to be held against the print."""
    for change in changes:
        assert change.another_problem
        assert (change.blind, change.off_optimum, change.answer) == (False, False, None)
    return {change.kind for change in changes}
