"""What is shared between outcomes is what each of them alone would have given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.engines.port.means import alike
from harness.engines.port.means.alike import fixed_part, once
from harness.language import parse_formula
from harness.models.design import Design, build_design
from harness.models.spec import ModelSpec

FORMULA = "y ~ arm * time * z + (1 | id)"


def trial() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 24
    return pd.DataFrame(
        {
            "id": pd.Categorical(np.repeat([f"p{k}" for k in range(n)], 2)),
            "arm": pd.Categorical(np.repeat(["A", "B"] * (n // 2), 2)),
            "time": pd.Categorical(["pre", "post"] * n, categories=["pre", "post"]),
            "z": np.repeat(rng.normal(size=n), 2),
            "y": rng.normal(size=2 * n),
            "x": rng.normal(size=2 * n),
        }
    )


def design(frame: pd.DataFrame, formula: str = FORMULA, **more: object) -> Design:
    return build_design(ModelSpec(parse_formula(formula), **more), frame)  # type: ignore[arg-type]


def test_another_outcome_on_the_same_rows_has_the_same_fixed_part() -> None:
    frame = trial()
    assert fixed_part(design(frame)) == fixed_part(design(frame, FORMULA.replace("y ~", "x ~")))


@pytest.mark.parametrize(
    "change",
    ["a value", "a level's name", "a row", "a coding", "a term", "an arm"],
)
def test_whatever_the_fixed_effects_are_made_of_tells_them_apart(change: str) -> None:
    frame, other = trial(), trial()
    formula, more = FORMULA, {}
    match change:
        case "a value":
            other.loc[0, "z"] = np.nextafter(other.loc[0, "z"], 9.0)
        case "a level's name":
            other["arm"] = other["arm"].cat.rename_categories({"B": "C"})
        case "a row":
            other.loc[5, "y"] = np.nan
        case "a coding":
            more = {"contrasts": (("arm", "sum"),)}
        case "a term":
            formula = "y ~ arm * time + z + (1 | id)"
        case "an arm":
            other["arm"] = other["arm"].cat.set_categories(["B", "A"])
    assert fixed_part(design(frame)) != fixed_part(design(other, formula, **more))


def test_a_call_and_a_large_matrix_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fixed_part(design(trial(), "y ~ arm * I(z^2) + (1 | id)")) is None
    monkeypatch.setattr(alike, "MOST_ENTRIES", 10)
    assert fixed_part(design(trial())) is None


def test_it_is_made_once_for_what_is_alike_and_an_error_is_not_kept() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        if len(made) == 1:
            raise ValueError("the first time")
        return len(made)

    one = design(trial())
    with pytest.raises(ValueError, match="first"):
        once(one, "test", make)
    assert [once(one, "test", make), once(design(trial()), "test", make)] == [2, 2]
    assert once(one, "another", make) == 3
