"""Python's adjusted p values beside R's ``p.adjust``: ties, missing values, one test, 0 and 1."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest

from harness.engines.multiplicity import Method, adjusted_p
from harness.engines.r.adjusted import PValues, ask_adjusted
from harness.engines.r.engine import RLiveEngine

RNG = np.random.default_rng(11)
FAMILIES = {
    "ties": [0.02, 0.5, 0.02, 0.02, 0.9, 0.5],
    "zero and one": [0.0, 1.0, 0.3, 0.0, 1.0],
    "one test": [0.04],
    "missing": [0.01, math.nan, 0.04, 0.03, math.nan],
    "only missing": [math.nan],
    "tiny": [1e-300, 5e-324, 1e-20, 0.2],
    "a grid": (RNG.uniform(size=147) ** 2).tolist(),
}


@pytest.mark.parametrize("method", get_args(Method))
def test_they_are_rs(lme4: RLiveEngine, method: Method) -> None:
    for name, p in FAMILIES.items():
        rows = lme4.ask("adjust", p_values=p, method=method)["rows"]
        theirs = [math.nan if (q := row["p_adjusted"]) is None else q for row in rows]
        ours = adjusted_p(p, method)
        assert ours == pytest.approx(theirs, rel=1e-14, abs=1e-320, nan_ok=True), name


def test_a_family_comes_back_as_it_was_asked(lme4: RLiveEngine) -> None:
    p = tuple(FAMILIES["a grid"])
    tests = tuple(f"armB:z`{k}` in mod/ITT/é{k}" for k in range(len(p)))
    asked = PValues("mod in ITT", "BY", tests, p)
    answer = ask_adjusted(lme4, asked)
    assert answer.asked == asked
    assert answer.p_adjusted == pytest.approx(adjusted_p(p, "BY"), rel=1e-12)
