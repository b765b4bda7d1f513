"""Expressions: three-valued logic, finite or missing numbers, and refusals with a position."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError, FormulaError
from harness.language import Panel, deparse, evaluate, parse_expression

PANEL = Panel(id="id", time="time", baseline_level="0")
NAN = math.nan


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "id": pd.Categorical(["p1", "p1", "p2", "p2", "p3"]),
            "time": pd.Categorical(["0", "2", "2", "0", "2"], categories=["0", "2"]),
            "arm": pd.Categorical(["TAU", "TAU", "New", "New", None], categories=["TAU", "New"]),
            "x": [1.0, 4.0, NAN, 0.0, -2.0],
            "flag": [1.0, 0.0, NAN, 1.0, 0.0],
            "seen": pd.to_datetime(["2020-01-01", "2020-02-01", None, "2020-03-01", "2020-01-31"]),
            "note": pd.array(["ok", "late", None, "ok", None], dtype="str"),
            "a b": [1.0, 2.0, 3.0, 4.0, 5.0],
        },
        index=[10, 11, 12, 13, 14],
    )


def value(text, frame, panel=PANEL):
    result = evaluate(parse_expression(text), frame, panel)
    assert list(result.index) == list(frame.index)
    return [None if pd.isna(v) else v for v in result]


T, F, N = True, False, None

CASES = [
    ("x > 0", [T, T, N, F, F]),
    ("x >= 0 and x <= 1", [T, F, N, T, F]),
    ("not x > 0", [F, F, N, T, T]),
    ("not (x > 0) or arm == 'New'", [F, F, T, T, T]),
    ("x == 4 or x == 1", [T, T, N, F, F]),
    ("is_missing(x)", [F, F, T, F, F]),
    ("is_missing(arm) or is_missing(note)", [F, F, T, F, T]),
    ("is_missing(x > 0)", [F, F, T, F, F]),
    ("is_missing(log(x))", [F, F, T, T, T]),
    ("true", [T, T, T, T, T]),
    ("true and x > 0", [T, T, N, F, F]),
    ("false and x > 0", [F, F, F, F, F]),
    ("arm == 'TAU'", [T, T, F, F, N]),
    ('"TAU" != arm', [F, F, T, T, N]),
    ("time == 0", [T, F, F, T, F]),
    ("time == '2'", [F, T, T, F, T]),
    ("note == 'ok'", [T, F, N, T, N]),
    ("note != 'ok'", [F, T, N, F, N]),
    ("seen >= '2020-02-01'", [F, T, N, T, F]),
    ("seen - seen", [0.0, 0.0, N, 0.0, 0.0]),
    ("(x > 0) == (flag == 1)", [T, F, N, F, T]),
    ("x + 1", [2.0, 5.0, N, 1.0, -1.0]),
    ("-x^2", [-1.0, -16.0, N, -0.0, -4.0]),
    ("2^-1 * `a b`", [0.5, 1.0, 1.5, 2.0, 2.5]),
    ("2 ** 3 ** 2", [512.0] * 5),
    ("x / x", [1.0, 1.0, N, N, 1.0]),
    ("log(x)", [0.0, math.log(4), N, N, N]),
    ("log2(x)", [0.0, 2.0, N, N, N]),
    ("log1p(x)", [math.log(2), math.log(5), N, 0.0, N]),
    ("sqrt(x)", [1.0, 2.0, N, 0.0, N]),
    ("exp(x * 1000)", [N, N, N, 1.0, 0.0]),
    ("x^0", [1.0, 1.0, N, 1.0, 1.0]),
    ("x^0.5", [1.0, 2.0, N, 0.0, N]),
    ("center(x)", [0.25, 3.25, N, -0.75, -2.75]),
    ("I(x)", [1.0, 4.0, N, 0.0, -2.0]),
    ("baseline(x)", [1.0, 1.0, 0.0, 0.0, N]),
    ("change(x)", [0.0, 3.0, N, 0.0, N]),
    ("change(log(x + 1))", [0.0, math.log(2.5), N, 0.0, N]),
    ("baseline(arm)", ["TAU", "TAU", "New", "New", N]),
    ("baseline(x > 0)", [T, T, F, F, N]),
    ("factor(x)", ["1", "4", N, "0", "-2"]),
    ("factor(x) == '4'", [F, T, N, F, F]),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_values(text, expected, frame):
    found = value(text, frame)
    assert found == pytest.approx(expected) if isinstance(expected[0], float) else found == expected


def test_scale_is_r_scale(frame):
    z = np.array([1.0, 4.0, 0.0, -2.0])
    expected = (z - z.mean()) / z.std(ddof=1)
    found = [v for v in value("scale(x)", frame) if v is not None]
    assert found == pytest.approx(expected.tolist(), rel=1e-15)


def test_factor_of_numbers_has_r_levels_ascending(frame):
    result = evaluate(parse_expression("factor(x)"), frame)
    assert list(result.cat.categories) == ["-2", "0", "1", "4"]


@pytest.mark.parametrize("operator", ["and", "or"])
def test_kleene_tables(operator):
    states = {True: "x == 1", False: "x == 2", None: "y == 1"}
    frame = pd.DataFrame({"x": [1.0], "y": [NAN]})
    for left, right in itertools.product(states, states):
        if operator == "and":
            expected = (
                False
                if left is False or right is False
                else (None if None in (left, right) else True)
            )
        else:
            expected = (
                True
                if left is True or right is True
                else (None if None in (left, right) else False)
            )
        found = value(f"{states[left]} {operator} {states[right]}", frame, None)
        assert found == [expected], (left, operator, right)


REFUSED = [
    ("", "ends where"),
    ("x >", "ends where"),
    ("x > 1 > 2", "cannot be chained"),
    ("x = 1", "equality is `==`"),
    ("x & 1", "write `and`"),
    ("!x", "write `not`"),
    ("x | y", "write `or`"),
    ("a ~ b", "second `~`"),
    ("a:b", "unexpected `:`"),
    ("x and", "ends where"),
    ("and", "needs something"),
    ("`and` > 1", "rename it"),
    ("__import__('os')", "not part of the language"),
    ("x.__class__()", "no function"),
    ("eval(x)", "no function `eval`"),
    ("lambda: x", "unexpected `:`"),
    ("x[0]", "`[` is not part"),
    ("poly(x, 2)", "it is for formulas"),
    ("log(x, 2)", "exactly one argument"),
    ("'a' 'b'", "unexpected the string"),
    ("'a", "does not end"),
    ("x == “a”", "typographic quotation"),
    ("{outcome} > 1", "for the formulas of a plan"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[text for text, _ in REFUSED])
def test_what_is_not_in_the_language_is_refused(text, reason):
    with pytest.raises(FormulaError) as caught:
        parse_expression(text)
    assert reason in str(caught.value)


MISFITS = [
    ("z > 1", "no column `z`"),
    ("arm == 'Tau'", "'Tau' is not a level; the levels are 'TAU', 'New'"),
    ("arm == 3", "'3' is not a level"),
    ("arm > 'TAU'", "orders numbers and dates"),
    ("arm == x", "compared with a level"),
    ("arm == time", "different levels"),
    ("arm + 1", "is a factor, a number is needed"),
    ("x == 'a'", "a number is compared with a string"),
    ("x and true", "compare it with something"),
    ("not x", "compare it with something"),
    ("true + 1", "true or false, a number is needed"),
    ("log(arm)", "is a factor"),
    ("seen > 3", "a date is compared with"),
    ("seen > '2020-02-30'", "is not a date"),
    ("seen == '01/02/2020'", "a date is compared with"),
    ("'TAU'", "a string alone"),
    ("factor(seen)", "cannot be made of a date"),
    ("is_missing('a')", "never missing"),
]


@pytest.mark.parametrize(("text", "reason"), MISFITS, ids=[text for text, _ in MISFITS])
def test_what_does_not_fit_the_frame_is_refused(text, reason, frame):
    with pytest.raises(FormulaError) as caught:
        evaluate(parse_expression(text), frame, PANEL)
    assert reason in str(caught.value)


def test_baseline_needs_a_panel(frame):
    with pytest.raises(FormulaError, match="derived columns only"):
        evaluate(parse_expression("change(x)"), frame)


def test_two_baseline_rows_have_no_baseline(frame):
    frame.loc[11, "time"] = "0"
    with pytest.raises(DataError, match="id p1 has two rows at time 0"):
        evaluate(parse_expression("baseline(x)"), frame, PANEL)


def test_baseline_of_a_numeric_time(frame):
    frame["time"] = frame["time"].astype(str).astype(float)
    assert value("change(x)", frame) == [0.0, 3.0, None, 0.0, None]


def test_an_empty_frame_gives_an_empty_column(frame):
    for text, _ in CASES:
        if not text.startswith("factor(x) =="):  # no rows, no levels to compare with
            assert value(text, frame.iloc[:0]) == []


def test_the_frame_is_not_changed(frame):
    before = frame.copy(deep=True)
    for text, _ in CASES:
        evaluate(parse_expression(text), frame, PANEL)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "text", ["x" + " - x" * 150, "change(" * 35 + "x" + ")" * 35], ids=["differences", "changes"]
)
@pytest.mark.timeout(10)
def test_every_part_is_evaluated_once(text, frame):
    assert len(value(text, frame)) == 5


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + "x", "not " * 1900 + "x > 1", "-" * 5000 + "x", " or ".join(["x > 1"] * 800)],
    ids=["parentheses", "not", "signs", "or"],
)
def test_hostile_size_is_refused_not_suffered(text):
    with pytest.raises(FormulaError):
        parse_expression(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["x", "arm", "and", "or", "not", "(", ")", "'a'", "==", "<", "+", "-", "^", "1", "2.5",
             "log", "is_missing", "true", "`a b`", ",", "baseline", "/", "factor"]
        ),
        max_size=12,
    ).map(" ".join)
    | st.text(max_size=30)
)  # fmt: skip
def test_garbage_is_a_formula_error_or_a_value(text):
    frame = pd.DataFrame(
        {"x": [1.0, NAN], "arm": pd.Categorical(["a", "b"]), "a b": [0.0, 2.0], "id": ["1", "2"],
         "time": pd.Categorical(["0", "0"])}
    )  # fmt: skip
    try:
        node = parse_expression(text)
        result = evaluate(node, frame, PANEL)
    except FormulaError:
        return
    assert parse_expression(deparse(node)) == node
    assert len(result) == 2
    if result.dtype == "float64":
        assert not np.isinf(result).any()
