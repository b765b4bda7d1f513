"""A frame becomes typed columns: nothing guessed, nothing lost, what R cannot hold refused."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pandas as pd
import pytest
from r_examples import awkward

from harness.engines.r.columns import (
    NA_INTEGER,
    Column,
    column_of,
    columns_of,
    frame_sha256,
    plain_columns,
)
from harness.errors import DataError


def test_a_missing_double_is_rs_na_bit_for_bit_and_other_bits_stay() -> None:
    values = [0.1, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308]
    column = column_of("x", pd.Series(values))
    assert column.type == "double"
    bits = [struct.unpack("<Q", struct.pack("<d", v))[0] for v in values]
    bits[2] = 0x7FF00000000007A2
    assert column.values.view(np.uint64).tolist() == bits


def test_a_float_column_is_copied_not_changed_in_place() -> None:
    series = pd.Series([1.0, math.nan])
    before = series.to_numpy().view(np.uint64).tolist()
    column_of("x", series)
    assert series.to_numpy().view(np.uint64).tolist() == before


def test_a_factor_keeps_every_level_in_order_and_minus_one_is_na() -> None:
    series = pd.Series(pd.Categorical(["b", None, "a"], categories=["b", "a", "never"]))
    column = column_of("arm", series)
    assert (column.type, column.levels) == ("factor", ("b", "a", "never"))
    assert column.values.tolist() == [1, NA_INTEGER, 2]


def test_numeric_levels_are_spelt_as_r_spells_them() -> None:
    series = pd.Series(pd.Categorical([2.0, 0.5, 100000.0], categories=[0.5, 2.0, 100000.0]))
    assert column_of("dose", series).levels == ("0.5", "2", "1e+05")


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint16", "Int64"])
def test_integers_stay_integers(dtype: str) -> None:
    column = column_of("n", pd.Series([0, 7, 100], dtype=dtype))
    assert (column.type, column.values.tolist()) == ("integer", [0, 7, 100])


def test_a_missing_nullable_integer_is_na_not_a_number() -> None:
    column = column_of("n", pd.Series([1, None, -3], dtype="Int64"))
    assert column.values.tolist() == [1, NA_INTEGER, -3]


@pytest.mark.parametrize("extreme", [2**31 - 1, -(2**31) + 1])
def test_the_largest_integers_r_holds_are_sent(extreme: int) -> None:
    assert column_of("n", pd.Series([extreme])).values.tolist() == [extreme]


@pytest.mark.parametrize("beyond", [2**31, -(2**31), 2**53 + 1, -(2**63)])
def test_integers_r_cannot_hold_are_refused(beyond: int) -> None:
    with pytest.raises(DataError, match="`n` holds integers beyond R's 32 bits"):
        column_of("n", pd.Series([1, beyond]))


@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_booleans_are_logical(dtype: str) -> None:
    column = column_of("flag", pd.Series([True, False], dtype=dtype))
    assert (column.type, column.values.tolist()) == ("logical", [1, 0])


def test_a_missing_boolean_is_na() -> None:
    column = column_of("flag", pd.Series([True, None], dtype="boolean"))
    assert column.values.tolist() == [1, NA_INTEGER]


@pytest.mark.parametrize("dtype", ["str", "object", "string"])
def test_texts_are_codes_into_their_distinct_values(dtype: str) -> None:
    column = column_of("t", pd.Series(["é", None, "`", "é"], dtype=dtype))
    assert (column.type, column.levels) == ("string", ("é", "`"))
    assert column.values.tolist() == [1, NA_INTEGER, 2, 1]


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (pd.Series(pd.to_datetime(["2024-01-01"])), "datetime64"),
        (pd.Series([1 + 2j]), "complex"),
        (pd.Series(["a", 1], dtype="object"), "holds 1 among texts"),
        (pd.Series(["a\0b"], dtype="object"), "zero byte"),
        (pd.Series(np.array([1.0], dtype=np.longdouble)), "R's numbers are float64"),
        (pd.Series(pd.Categorical([1, "1"])), "two levels that are spelt alike"),
    ],
    ids=["date", "complex", "mixed", "zero-byte", "long-double", "alike"],
)
def test_what_r_cannot_hold_is_refused_by_name(series: pd.Series, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as refusal:
        column_of("visit", series)
    assert "`visit`" in str(refusal.value)


def test_absent_and_doubled_columns_are_refused() -> None:
    frame = pd.DataFrame([[1.0, 2.0]], columns=["x", "x"])
    with pytest.raises(DataError, match="no column `z`"):
        columns_of(frame, ["z"])
    with pytest.raises(DataError, match="2 columns named `x`"):
        columns_of(frame, ["x"])


def test_columns_survive_the_pipe() -> None:
    frame = awkward()
    for column in columns_of(frame, frame.columns):
        header = json.loads(json.dumps(column.header))
        back = Column.from_bytes(header, column.to_bytes())
        assert (back.name, back.type, back.levels) == (column.name, column.type, column.levels)
        assert back.to_bytes() == column.to_bytes()


def _changed(change: str) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"y": [1.0, 2.0, 3.0], "arm": pd.Categorical(["a", "b", "a"], categories=["a", "b"])}
    )
    match change:
        case "value":
            frame.loc[1, "y"] = np.nextafter(2.0, 3.0)
        case "missing":
            frame.loc[1, "y"] = np.nan
        case "row order":
            frame = frame.iloc[[0, 2, 1]]
        case "a row less":
            frame = frame.iloc[:2]
        case "level order":
            frame["arm"] = pd.Categorical(frame["arm"], categories=["b", "a"])
        case "unused level":
            frame["arm"] = frame["arm"].cat.add_categories("c")
        case "level text":
            frame["arm"] = frame["arm"].cat.rename_categories(["a", "B"])
        case "type":
            frame["y"] = frame["y"].astype(int)
        case "swapped arms":
            frame["arm"] = frame["arm"].iloc[::-1].to_numpy().tolist()
            frame["arm"] = pd.Categorical(["b", "a", "a"], categories=["a", "b"])
    return frame


CHANGES = (
    "value",
    "missing",
    "row order",
    "a row less",
    "level order",
    "unused level",
    "level text",
    "type",
    "swapped arms",
)


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_sees(change: str) -> None:
    plain = frame_sha256(columns_of(_changed("nothing"), ["y", "arm"]))
    assert frame_sha256(columns_of(_changed(change), ["y", "arm"])) != plain


def test_the_hash_does_not_see_what_r_does_not() -> None:
    frame = _changed("nothing")
    other = frame.set_axis([7, 8, 9]).assign(unused=1.0)
    wanted = ["y", "arm"]
    assert frame_sha256(columns_of(other, wanted)) == frame_sha256(columns_of(frame, wanted))


def test_the_json_form_is_what_frame_r_reads() -> None:
    frame = pd.DataFrame(
        {
            "x": [0.1, math.nan, math.inf],
            "f": pd.Categorical(["a", None, "a"], categories=["b", "a"]),
            "t": pd.Series(["é", None, "é"], dtype="str"),
            "b": pd.Series([True, None, False], dtype="boolean"),
        }
    )
    assert plain_columns(columns_of(frame, frame.columns)) == [
        {"name": "x", "type": "double", "values": [0.1, None, "Inf"]},
        {"name": "f", "type": "factor", "values": [2, None, 2], "levels": ["b", "a"]},
        {"name": "t", "type": "string", "values": ["é", None, "é"]},
        {"name": "b", "type": "logical", "values": [True, None, False]},
    ]
