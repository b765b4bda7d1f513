"""Formulas: what is read, under which names, and what is refused where."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import FormulaError
from harness.language import deparse, fill_formula, parse_formula, to_json
from harness.language.tokens import MAX_TEXT, placeholders

from .formulas import FIXED, RANDOM


def labels(text):
    return [term.label for term in parse_formula(text).terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ c + b:a + a", ["c", "a", "b:a"]),
        ("y ~ c + a + b:a", ["c", "a", "a:b"]),
        ("y ~ a/b", ["a", "a:b"]),
        ("y ~ (a + b)/c", ["a", "b", "a:b:c"]),
        ("y ~ (a + b + c)^2 - a:b", ["a", "b", "c", "a:c", "b:c"]),
        ("y ~ b - a + c:a", ["b", "a:c"]),
        ("y ~ I(x^2):`a b`", ["I(x^2):`a b`"]),
        ("y ~ I(x*1000000)", ["I(x * 1e+06)"]),
    ],
)
def test_terms_under_r_names_in_r_order(text, expected):
    assert labels(text) == expected


def test_nested_groups_have_lme4_names_innermost_first():
    formula = parse_formula("y ~ x + (1 | batch/cask/sample)")
    assert [bar.group_label for bar in formula.random] == [
        "sample:cask:batch",
        "cask:batch",
        "batch",
    ]
    assert formula.random[0].group == ("sample", "cask", "batch")


def test_double_bar_gives_the_intercept_then_each_slope_alone():
    bars = parse_formula("y ~ x + (x + z || g)").random
    assert [(bar.intercept, [t.label for t in bar.terms]) for bar in bars] == [
        (True, []),
        (False, ["x"]),
        (False, ["z"]),
    ]


def test_columns_are_response_first_each_once():
    formula = parse_formula("log(y) ~ a * I(b + a) + (x | g:h)")
    assert formula.columns == ("y", "a", "b", "x", "g", "h")


def test_json_of_the_tree_carries_no_text_to_parse():
    assert to_json(parse_formula("y ~ I(x / 2) + (1 | g)").tree) == {
        "call": "+",
        "args": [
            {
                "call": "I",
                "args": [{"call": "/", "args": [{"name": "x"}, {"number": 2.0}]}],
            },
            {"call": "(", "args": [{"call": "|", "args": [{"number": 1.0}, {"name": "g"}]}]},
        ],
    }


REFUSED = [
    ("", 1, "ends where"),
    ("y", 2, "expected `~`"),
    ("~ x", 1, "expected a column"),
    ("y ~", 4, "ends where"),
    ("y ~ x ~ z", 7, "second `~`"),
    ("y ~ x +", 8, "ends where"),
    ("y ~ (x", 7, "expected `)`"),
    ("y ~ x)", 6, "unexpected `)`"),
    ("y ~ .", 5, "all columns"),
    ("y ~ x + TRUE", 9, "reserved word"),
    ("y ~ system('rm')", 5, "no function `system`"),
    ("y ~ I(x, y)", 5, "exactly one argument"),
    ("y ~ I()", 5, "exactly one argument"),
    ("y ~ I(1)", 5, "names no column"),
    ("y ~ poly(x)", 5, "a column and a degree"),
    ("y ~ poly(x, 2.5)", 5, "degree from 1 to 10"),
    ("y ~ poly(x, z)", 5, "degree from 1 to 10"),
    ("y ~ log(factor(x))", 9, "cannot stand inside another call"),
    ("factor(y) ~ x", 1, "cannot be an outcome"),
    ("factor(y) + 1 ~ x", 1, "cannot be part of a calculation"),
    ("2 ~ x", 1, "names no column"),
    ("y ~ 2 + x", 5, "0 and 1"),
    ("y ~ x^1", 6, "from 2 to 20"),
    ("y ~ x^z", 6, "from 2 to 20"),
    ("y ~ a:1", 7, "nothing to cross"),
    ("y ~ -a:b", 5, "a sign before an operand"),
    ("y ~ a * -b", 9, "a sign before an operand"),
    ("y ~ y + x", 7, "the outcome is also a predictor"),
    ("y ~ x > 3", 7, "no comparisons"),
    ("y ~ I(x > 3)", 9, "expected `)`"),
    ("y ~ x == 'a'", 7, "no comparisons"),
    ("y ~ 'x'", 5, "no strings"),
    ("y ~ x %in% z", 7, "`%` is not an operator"),
    ("y ~ x = 3", 7, "equality is `==`"),
    ("y ~ x; z", 6, "`;` is not part"),
    ("y ~ x$z", 6, "`$` is not part"),
    ("y ~ x[1]", 6, "`[` is not part"),
    ("y ~ x\u00a0+ z", 6, "no-break space"),
    ("y ~ {outcome}", 5, "placeholders"),
    ("y ~ `x", 5, "does not end"),
    ("y ~ ``", 5, "empty back-ticked name"),
    ("y ~ `a\x07b`", 7, "control character"),
    (r"y ~ `a\n`", 8, "can follow"),
    ("y ~ 0x10", 5, "not a number"),
    ("y ~ I(x * 1_000)", 11, "not a number"),
    ("y ~ I(x * 1e999)", 11, "too large"),
    ("y ~ I(x * 1e-999)", 11, "too large or too small"),
    ("y ~ I(x * 0.1234567890123456789)", 11, "significant digits"),
    ("y ~ x | g", 7, "in parentheses"),
    ("y ~ x + (1 | g | h)", 16, "second `|`"),
    ("y ~ x:(1 | g)", 10, "only be added"),
    ("y ~ (x + (1 | g))^2", 13, "only be added"),
    ("y ~ x - (1 | g)", 12, "only be added"),
    ("y ~ -(1 | g)", 9, "only be added"),
    ("y ~ I(1 | g)", 9, "expected `)`"),
    ("y ~ (1 | g) - 1", 13, "lme4 ignores it"),
    ("y ~ (0 | g)", 8, "neither intercept nor slope"),
    ("y ~ (1 | factor(g))", 10, "a grouping factor is"),
    ("y ~ (1 | g + h)", 12, "a grouping factor is"),
    ("y ~ (1 | (g/h))", 10, "a grouping factor is"),
    ("y ~ (1 | g:h/k)", 13, "cannot nest"),
    ("y ~ (1 | g/g)", 11, "same column twice"),
    ("y ~ (1 | g) + (1 | g)", 13, "twice"),
    ("y ~ ((x | h) | g)", 9, "only be added"),
]


@pytest.mark.parametrize(("text", "character", "reason"), REFUSED, ids=[t for t, _, _ in REFUSED])
def test_what_is_not_in_the_language_is_refused_with_its_position(text, character, reason):
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    assert reason in str(caught.value)
    assert caught.value.position + 1 == character, str(caught.value)
    assert caught.value.exit_code == 2


NAMES = "abcdefghijklmnopqrstuvwxyz"

HOSTILE = {
    "long text": "y ~ x" + " " * MAX_TEXT,
    "many parentheses": "y ~ " + "(" * 3000 + "x" + ")" * 3000,
    "many calls": "y ~ " + "I(" * 2000 + "x" + ")" * 2000,
    "many signs": "y ~ " + "-" * 5000 + "x",
    "long sum": "y ~ " + "+".join(["x"] * 3900),
    "long power": "y ~ x" + "^2" * 3000,
    "long interaction": "y ~ " + ":".join(["x"] * 3900),
    "exploding power": f"y ~ ({'+'.join(NAMES[:9])})^9",
    "exploding cross": f"y ~ {'*'.join(NAMES[:20])}",
    "huge power": "y ~ (a + b)^999999999",
    "long grouping": "y ~ (1 | " + "/".join(["g"] * 3900) + ")",
    "many digits": "y ~ I(x * " + "9" * 5000 + ")",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_size_is_refused_not_suffered(text):
    with pytest.raises(FormulaError):
        parse_formula(text)


def test_a_long_but_honest_formula_is_read():
    text = "y ~ " + " + ".join(f"x{i}" for i in range(190)) + " + (1 | g)"
    assert len(parse_formula(text).terms) == 190
    depth = sys.getrecursionlimit()
    assert deparse(parse_formula(text).tree).startswith("x0 + x1")
    assert sys.getrecursionlimit() == depth


@pytest.mark.parametrize("text", FIXED + RANDOM)
def test_canonical_text_is_a_fixed_point(text):
    formula = parse_formula(text)
    assert parse_formula(formula.text) == formula


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        alphabet=st.sampled_from(list("yxgab`'\"~|()+-*/:^0129.,= <>!eE_I\\{}é\u00a0\n")),
        max_size=40,
    )
    | st.text(max_size=30)
)
def test_garbage_is_a_formula_error_or_a_formula(garbage):
    for text in (garbage, f"y ~ {garbage}", f"y ~ x + ({garbage} | g)"):
        try:
            formula = parse_formula(text)
        except FormulaError:
            continue
        assert parse_formula(formula.text) == formula


names = st.sampled_from(["a", "b", "x.1", "a b", "if", "é"]).map(
    lambda n: n if n.replace(".", "").isalnum() and n != "if" else f"`{n}`"
)
atoms = names | st.sampled_from(["I(a^2)", "log(b)", "scale(x.1)", "poly(a, 2)"])
trees = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " * ", ":", "/"]), inner).map("".join),
        inner.map(lambda t: f"({t})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} + {p[1]})^2"),
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(trees, st.sampled_from(["", "0 + ", "1 + "]), st.sampled_from(["", " + (1 | g)"]))
def test_terms_are_distinct_sorted_by_degree_and_survive_respelling(tree, intercept, random):
    formula = parse_formula(f"y ~ {intercept}{tree}{random}")
    degrees = [len(term.factors) for term in formula.terms]
    assert degrees == sorted(degrees)
    assert len({frozenset(term.factors) for term in formula.terms}) == len(formula.terms)
    assert formula.intercept == (intercept != "0 + ")
    assert parse_formula(formula.text) == formula


def test_a_placeholder_is_a_name_not_a_piece_of_text():
    template = "{outcome} ~ arm * {moderator} + (1 | id)"
    assert placeholders(template) == ("outcome", "moderator")
    hostile = "x) + (1 | z"
    formula = fill_formula(template, {"outcome": "bdi", "moderator": hostile})
    assert [t.label for t in formula.terms] == ["arm", f"`{hostile}`", f"arm:`{hostile}`"]
    assert len(formula.random) == 1
    assert hostile in formula.columns


def test_a_placeholder_may_stand_inside_a_call():
    assert fill_formula("log({outcome}) ~ x", {"outcome": "a`b"}).text == r"log(`a\`b`) ~ x"


@pytest.mark.parametrize("template", ["{y} ~ x", "{} ~ x", "{outcome ~ x", "a{outcome} ~ x"])
def test_a_wrong_placeholder_is_refused(template):
    with pytest.raises(FormulaError):
        fill_formula(template, {"outcome": "bdi"})


def test_offsets_are_no_terms_but_need_their_columns() -> None:
    found = parse_formula("y ~ a + offset(log(t)) + x + offset(`my o`) + (1 | g) + offset(log(t))")
    assert [term.label for term in found.terms] == ["a", "x"]
    assert [deparse(node) for node in found.offsets] == ["log(t)", "`my o`"]
    assert found.columns == ("y", "a", "x", "g", "t", "my o")
    assert parse_formula("y ~ offset(t)").terms == ()
    assert parse_formula("y ~ offset(t)").intercept
    assert parse_formula("y ~ 0 + a").offsets == ()
