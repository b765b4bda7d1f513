"""The model frame: which rows and levels are used, and what bad input gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.errors import DataError, HarnessError, ModelError
from harness.language import parse_formula
from harness.language.nodes import Name
from harness.models import variables
from harness.models.design import build_design
from harness.models.frame import model_frame
from harness.models.spec import ModelSpec
from harness.models.variables import Factor, Numeric, evaluate_variable


def spec(formula: str) -> ModelSpec:
    return ModelSpec(parse_formula(formula))


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "arm": pd.Categorical(
                np.tile(["B", "A", "C"], 20), categories=["C", "B", "A", "never"]
            ),
            "id": pd.Categorical(np.repeat([f"p{k}" for k in range(12)], 5)),
            "site": np.repeat([3.0, 1.0, 2.0, 3.0], 15),
            "word": np.tile(["zeta", "Alpha", "beta", "Zeta"], 15),
            "flag": np.tile([True, False], 30),
            "count": np.arange(n),
        }
    )


def test_rows_with_a_missing_value_anywhere_are_omitted_and_known(data: pd.DataFrame) -> None:
    data.loc[3, "y"] = np.nan
    data.loc[7, "x"] = np.nan
    data.loc[11, "arm"] = None
    data.loc[13, "id"] = None
    data.loc[17, "word"] = None  # not in the model: kept
    frame = model_frame(spec("y ~ x + arm + (1 | id)"), data)
    assert frame.omitted.tolist() == [3, 7, 11, 13]
    assert frame.n_obs == 56
    assert frame.n_rows == 60
    kept = data.drop(index=[3, 7, 11, 13])
    np.testing.assert_array_equal(frame.y, kept["y"])
    np.testing.assert_array_equal(frame.variables["x"].columns[0], kept["x"])


def test_levels_that_no_row_uses_are_dropped_in_order(data: pd.DataFrame) -> None:
    data.loc[data["arm"] == "C", "y"] = np.nan
    data.loc[data["id"] == "p4", "y"] = np.nan
    frame = model_frame(spec("y ~ arm + (1 | id)"), data)
    arm = frame.variables["arm"]
    assert isinstance(arm, Factor)
    assert arm.levels.tolist() == ["B", "A"]
    kept = data[data["y"].notna()]
    assert [arm.levels[k] for k in arm.codes] == kept["arm"].tolist()
    grouping = frame.groupings[0]
    assert "p4" not in grouping.levels
    assert grouping.sizes.sum() == frame.n_obs
    assert [grouping.levels[k] for k in grouping.codes] == kept["id"].tolist()


def test_a_group_with_no_response_disappears(data: pd.DataFrame) -> None:
    data.loc[data["id"] == "p0", "y"] = np.nan
    frame = model_frame(spec("y ~ x + (1 | id)"), data)
    assert len(frame.groupings[0].sizes) == 11


def test_text_becomes_a_factor_in_code_point_order(data: pd.DataFrame) -> None:
    frame = model_frame(spec("y ~ word + (1 | site)"), data)
    word = frame.variables["word"]
    assert isinstance(word, Factor)
    assert word.levels.tolist() == ["Alpha", "Zeta", "beta", "zeta"]
    assert [word.levels[k] for k in word.codes] == data["word"].tolist()


@pytest.mark.parametrize("order", ["given", "sorted"])
def test_numbers_group_by_value(order: str, data: pd.DataFrame) -> None:
    if order == "sorted":
        data = data.sort_values("site", ignore_index=True)
    grouping = model_frame(spec("y ~ x + (1 | site)"), data).groupings[0]
    assert [float(level) for level in grouping.levels] == [1.0, 2.0, 3.0]
    values = np.array([float(level) for level in grouping.levels])
    np.testing.assert_array_equal(values[grouping.codes], data["site"])


def test_an_interaction_groups_with_its_last_column_fastest(data: pd.DataFrame) -> None:
    nested = model_frame(spec("y ~ x + (1 | site:flag)"), data).groupings[0]
    assert nested.label == "site:flag"
    assert nested.levels.tolist() == [
        f"{site}:{flag}" for site in (1, 2, 3) for flag in ("FALSE", "TRUE")
    ]
    pairs = [f"{int(s)}:{str(f).upper()}" for s, f in zip(data["site"], data["flag"], strict=True)]
    assert [nested.levels[k] for k in nested.codes] == pairs


def test_transformed_values_that_become_missing_are_reported(data: pd.DataFrame) -> None:
    data["x"] = np.linspace(-1, 5, 60)
    frame = model_frame(spec("y ~ log(x) + (1 | id)"), data)
    negative = int((data["x"] < 0).sum())
    assert len(frame.omitted) == negative
    assert frame.messages == (
        f"`log(x)` is not a number in {negative} rows with data: rows omitted",
        "no complete row in 2 levels of `id`: p0, p1",
    )


def test_scale_sees_rows_that_other_columns_lose(data: pd.DataFrame) -> None:
    """As in R: variables are evaluated before incomplete rows are omitted."""
    data.loc[:9, "y"] = np.nan
    frame = model_frame(spec("y ~ scale(x) + (1 | id)"), data)
    z = (data["x"] - data["x"].mean()) / data["x"].std()
    np.testing.assert_allclose(frame.variables["scale(x)"].columns[0], z[10:], rtol=1e-13)


REFUSALS = {
    "no-such-column": ("y ~ dose + (1 | id)", {}, r"no column `dose`.*y, x, arm"),
    "no-such-group": ("y ~ x + (1 | ward)", {}, r"no column `ward`"),
    "no-rows": ("y ~ x + (1 | id)", {"rows": 0}, r"no rows"),
    "nothing-complete": ("y ~ x + (1 | id)", {"x": np.nan}, r"`x` is missing in 60 of 60 rows"),
    "constant-outcome": ("y ~ x + (1 | id)", {"y": 4.0}, r"`y` is constant \(4 in all 60"),
    "infinite-outcome": ("y ~ x + (1 | id)", {"y": "inf"}, r"`y` is infinite in 1 of 60"),
    "infinite-predictor": ("y ~ x + (1 | id)", {"x": "inf"}, r"`x` is infinite in 1 of 60"),
    "log-of-zero": ("y ~ log(x) + (1 | id)", {"x": 0.0}, r"`log\(x\)` \(from x\) is infinite"),
    "text-outcome": ("word ~ x + (1 | id)", {}, r"outcome `word` is text or a factor"),
    "one-group": ("y ~ x + (1 | id)", {"id": "only"}, r"`id` has one level .*`only`"),
    "one-level-factor": ("y ~ arm + (1 | id)", {"arm": "A"}, r"`arm` has one level .*`A`"),
    "text-in-arithmetic": ("y ~ log(word) + (1 | id)", {}, r"`word` is not numeric"),
    "date": ("y ~ when + (1 | id)", {"when": pd.Timestamp("2020-01-01")}, r"`when` holds dates"),
    "group-per-row": ("y ~ x + (1 | count)", {}, r"60 observations for 60 random effects"),
    "too-many-slopes": ("y ~ 1 + (arm + x + flag | id)", {}, r"60 observations for 60 random"),
    "saturated": ("y ~ factor(count) + (1 | id)", {}, r"60 columns for 60 complete rows"),
    "zero-random-column": ("y ~ x + (0 + x | id)", {"x": 0.0}, r"`x \| id` is a combination"),
    "poly-with-gaps": ("y ~ poly(x, 2) + (1 | id)", {"x": "gap"}, r"poly\(x, 2\)` has missing"),
    "exact-within-groups": ("y ~ x + (1 | id)", {"y": "id"}, r"`y` leaves no residual within `id`"),
    "constant-to-standardise": (
        "y ~ scale(x) + (1 | id)",
        {"x": 3.0},
        r"`scale\(x\)` is not a num",
    ),
    "mixed-column": ("y ~ word + (1 | id)", {"word": "mixed"}, r"column `word` holds mixed"),
    "exact-fit": ("y ~ x + (1 | id)", {"y": "x"}, r"`y` is an exact combination"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_fitted_gets_one_line(case: str, data: pd.DataFrame) -> None:
    from harness.engines.port.engine import PortEngine

    formula, changes, message = REFUSALS[case]
    for column, value in changes.items():
        if column == "rows":
            data = data.iloc[:0]
        elif value == "inf":
            data.loc[5, column] = np.inf
        elif value == "gap":
            data.loc[5, column] = np.nan
        elif value == "mixed":
            data[column] = pd.Series([1.5, "a"] * 30, dtype=object)
        elif value == "id":
            data[column] = np.sin(1.0 + data["id"].cat.codes)
        elif value == "x":
            data[column] = 2.0 * data["x"] + 1.0
        elif column in ("arm", "id"):
            data[column] = pd.Categorical([value] * len(data))
        else:
            data[column] = value
    with pytest.raises(HarnessError, match=message) as caught:
        PortEngine().fit(spec(formula), data)
    assert isinstance(caught.value, (DataError, ModelError))
    assert "\n" not in str(caught.value)


def test_columns_of_any_storage_give_the_same_problem(data: pd.DataFrame) -> None:
    """Nullable, object and narrow columns are read as what they hold."""
    data = data.assign(flag=pd.array([True, None, False] * 20, dtype="boolean"))
    plain = model_frame(spec("y ~ x + count + flag + word + (1 | id)"), data)
    other = data.assign(
        x=data["x"].astype("Float64"),
        count=data["count"].astype(object),
        flag=data["flag"].astype(object),
        word=data["word"].astype("category"),
        y=data["y"].astype(object),
    )
    again = model_frame(spec("y ~ x + count + flag + word + (1 | id)"), other)
    assert plain.n_obs == again.n_obs == 40
    np.testing.assert_array_equal(plain.y, again.y)
    for label, variable in plain.variables.items():
        twin = again.variables[label]
        if isinstance(variable, Factor):
            assert isinstance(twin, Factor)
            assert variable.levels.tolist() == twin.levels.tolist()
            np.testing.assert_array_equal(variable.codes, twin.codes)
        else:
            np.testing.assert_array_equal(variable.columns[0], twin.columns[0])


def test_an_id_as_a_fixed_effect_is_refused_with_the_remedy() -> None:
    n = 10_000
    data = pd.DataFrame(
        {
            "y": np.random.default_rng(1).normal(size=2 * n),
            "who": pd.Categorical(np.repeat(np.arange(n), 2)),
            "g": np.tile([0.0, 1.0], n),
        }
    )
    with pytest.raises(ModelError, match=r"`who` has 10000 levels.*\(1 \| who\)"):
        build_design(spec("y ~ who + (1 | g)"), data)


def test_two_columns_of_one_name_are_refused(data: pd.DataFrame) -> None:
    twice = pd.concat([data, data[["x"]]], axis=1)
    with pytest.raises(DataError, match="more than one column `x`"):
        model_frame(spec("y ~ x + (1 | id)"), twice)


@pytest.mark.parametrize(
    "values",
    [
        [1.5, np.nan, 3.0],
        np.array([1, 2, 3], dtype=np.int8),
        np.array([1.0, 2.0, 3.0], dtype=np.float32),
        pd.array([1, None, 3], dtype="Int64"),
        [True, False, True],
        ["b", "a", None],
        pd.Categorical(["b", "a", None], categories=["b", "a"]),
    ],
    ids=["float", "int8", "float32", "Int64", "bool", "text", "categorical"],
)
def test_a_column_is_the_same_where_pandas_does_not_say_how_it_holds_it(
    values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short way to a column is not in pandas' contract; the long way must do without it."""
    frame = pd.DataFrame({"x": values})
    short = evaluate_variable(Name("x"), frame)
    monkeypatch.setattr(variables, "_stored", lambda frame, name: None)
    long = evaluate_variable(Name("x"), frame)
    assert type(short) is type(long)
    if isinstance(short, Factor) and isinstance(long, Factor):
        np.testing.assert_array_equal(short.codes, long.codes)
        assert list(short.levels) == list(long.levels)
    elif isinstance(short, Numeric) and isinstance(long, Numeric):
        assert short.columns[0].dtype == np.float64
        np.testing.assert_array_equal(short.columns[0], long.columns[0])
