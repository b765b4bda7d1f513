"""A design is built once where its frame is known to stay as it is, and anew everywhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.besides import Besides
from harness.models.design import Design, build_design
from harness.models.held import MOST_HELD, held_designs
from harness.models.spec import ModelSpec

SPEC = ModelSpec(parse_formula("y ~ x + (1 | g)"))
FRAME = pd.DataFrame(
    {"y": [1.0, 2.5, 3.0, 4.5, 4.0, 7.0], "x": [0.0, 1.0, 0.5, 2.0, 1.5, 3.0], "g": list("aabbcc")}
)


def frame() -> pd.DataFrame:
    return FRAME.assign(g=pd.Categorical(FRAME["g"]))


def test_the_same_question_has_the_same_design_within_the_context_alone() -> None:
    data = frame()
    first = build_design(SPEC, data)
    assert build_design(SPEC, data) is not first
    with held_designs():
        held = build_design(SPEC, data)
        assert held is not first
        assert build_design(SPEC, data) is held
    assert build_design(SPEC, data) is not held


def test_what_is_asked_besides_changes_the_spec_and_no_matrix() -> None:
    data, asked = frame(), replace(SPEC, besides=Besides(("anova",)))
    with held_designs():
        held, other = build_design(SPEC, data), build_design(asked, data)
    assert (held.spec, other.spec) == (SPEC, asked)
    assert other.XY is held.XY


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, formula=parse_formula("y ~ (1 | g)")),
        replace(SPEC, reml=False),
        replace(SPEC, weights="w"),
        replace(SPEC, offset="w"),
        replace(SPEC, df_method="kenward-roger"),
    ],
    ids=["formula", "reml", "weights", "offset", "df"],
)
def test_another_question_has_a_design_of_its_own(other: ModelSpec) -> None:
    data = frame().assign(w=[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])
    with held_designs():
        held, found = build_design(SPEC, data), build_design(other, data)
        assert found is not held
        assert found.spec == other
    assert same(found, build_design(other, data))


def test_an_equal_frame_is_another_frame() -> None:
    data = frame()
    with held_designs():
        held = build_design(SPEC, data)
        changed = data.copy()
        changed.loc[0, "y"] = 9.0
        found = build_design(SPEC, changed)
        assert found.y[0] == 9.0
        assert held.y[0] == 1.0
        assert build_design(SPEC, data) is held


def test_few_are_held_and_an_error_is_met_each_time() -> None:
    with held_designs():
        frames = [frame() for _ in range(MOST_HELD + 1)]
        first = [build_design(SPEC, data) for data in frames]
        again = [build_design(SPEC, data) for data in frames]
        assert [a is b for a, b in zip(first, again, strict=True)] == [True] * MOST_HELD + [False]
        one_group = frame().assign(g=pd.Categorical(["a"] * 6))
        for _ in range(2):
            with pytest.raises(ModelError):
                build_design(SPEC, one_group)


def same(a: Design, b: Design) -> bool:
    return a.names == b.names and bool(np.array_equal(a.XY, b.XY))
