"""Every instrument against sums done by hand."""

# ruff: noqa: E501 - the tables have one case a line

import numpy as np
import pandas as pd
import pytest

from harness.scoring import instruments
from harness.scoring.score import disagreeing, score

NAN = float("nan")


def form(name, version=None):
    found = instruments()[name].form(version)
    assert found is not None
    return found


def scored(name, answers, rule=None, version=None, **other):
    """The scores of one person, who gave ``answers`` in the questionnaire's order."""
    found = form(name, version)
    rule = rule or instruments()[name].missing[0]
    result = score(found, pd.DataFrame([list(answers)], dtype=float), rule, **other)
    return {one: values[0] for one, values in result.values.items()}


# FIQR: function 1..9, impact 3 and 5, symptoms ten times 7.
FIQR = [1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 5, *[7] * 10]
PSS = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
FFMQ15 = [1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5]

BY_HAND = [
    # id, instrument, version, answers, scores
    ("fiqr", "FIQR", None, FIQR, {"function": 15, "impact": 8, "symptoms": 35, "total": 58}),
    ("fiqr thirds", "FIQR", None, [1, *[0] * 20], {"function": 1 / 3, "impact": 0, "symptoms": 0, "total": 1 / 3}),
    ("fsdc", "FSDC", "items", [1, 1, 1, *[0] * 16, 3, 2, 1, 1, 0, 1], {"wpi": 3, "sss": 8, "total": 11, "case": 0}),
    ("fsdc just a case", "FSDC", "items", [*[1] * 7, *[0] * 12, 2, 2, 1, 0, 0, 0], {"wpi": 7, "sss": 5, "total": 12, "case": 1}),
    ("fsdc other box", "FSDC", "parts", [3, 9], {"wpi": 3, "sss": 9, "total": 12, "case": 1}),
    ("fsdc below both", "FSDC", "parts", [6, 8], {"wpi": 6, "sss": 8, "total": 14, "case": 0}),
    ("fsdc two regions", "FSDC", "parts", [2, 12], {"wpi": 2, "sss": 12, "total": 14, "case": 0}),
    ("fsdc high wpi, low sss", "FSDC", "parts", [19, 4], {"wpi": 19, "sss": 4, "total": 23, "case": 0}),
    ("hads", "HADS", None, [3, 0, 2, 1, 3, 0, 1, 1, 0, 2, 3, 0, 1, 1], {"anxiety": 13, "depression": 5, "total": 18}),
    ("pcs", "PCS", None, [1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3], {"rumination": 8, "magnification": 6, "helplessness": 12, "total": 26}),
    # as answered 0 1 2 3 4 0 1 2 3 4; items 4, 5, 7, 8 count 1 0 3 2: 0+1+2+1+0+0+3+2+3+4
    ("pss", "PSS-10", None, PSS, {"total": 16}),
    ("pips", "PIPS", None, [1, 2, 7, 4, 5, 6, 7, 1, 2, 3, 4, 5], {"avoidance": 27, "fusion": 20, "total": 47}),
    ("misci", "MISCI", None, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], {"total": 30}),
    # observing 1,6,11: 1+5+1; describing 2, 6-4, 2; awareness 6-3, 6-3, 6-3; nonjudging 6-4, 6-2, 6-4; nonreactivity 5+1+5
    ("ffmq 15", "FFMQ", "15", FFMQ15, {"observing": 7, "describing": 6, "awareness": 9, "nonjudging": 8, "nonreactivity": 11, "total": 41}),
    # reversed 1, 4, 8, 9, 11, 12 answered 5 count 1; the six others answered 5 count 5: 36
    ("scs sum", "SCS-SF", "sum", [5] * 12, {"total": 36}),
    ("scs mean", "SCS-SF", "mean", [5] * 12, {"total": 3}),
    # 2 3 5 6 7 10 answered 4, the reversed ones 2 (count 4): all 4
    ("scs consistent", "SCS-SF", "mean", [2, 4, 4, 2, 4, 4, 4, 2, 2, 4, 2, 2], {"total": 4}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "version", "answers", "wanted"), [c[1:] for c in BY_HAND], ids=[c[0] for c in BY_HAND]
)
def test_by_hand(name, version, answers, wanted):
    assert scored(name, answers, version=version) == wanted


def ffmq39(value, turned):
    """Everyone answers ``value``, and ``turned`` to the 19 items that ask the opposite."""
    opposite = {3, 5, 8, 10, 12, 13, 14, 16, 17, 18, 22, 23, 25, 28, 30, 34, 35, 38, 39}
    return [turned if item in opposite else value for item in range(1, 40)]


def test_ffmq_39_and_24_from_mindful_answers():
    best = scored("FFMQ", ffmq39(5, 1), version="39")
    assert best == {"observing": 40, "describing": 40, "awareness": 40, "nonjudging": 40,
                    "nonreactivity": 35, "total": 195}  # fmt: skip
    # All 4: awareness and nonjudging are wholly reversed (8 * 2), describing by three of eight.
    agreeing = scored("FFMQ", [4] * 39, version="39")
    assert agreeing == {"observing": 32, "describing": 26, "awareness": 16, "nonjudging": 16,
                        "nonreactivity": 28, "total": 118}  # fmt: skip
    # All 4 in 24 items: observing 16, describing 3 * 4 + 2 * 2, both reversed facets 10, last 20.
    short = scored("FFMQ", [4] * 24, version="24")
    assert short == {"observing": 16, "describing": 16, "awareness": 10, "nonjudging": 10,
                     "nonreactivity": 20, "total": 72}  # fmt: skip


def test_ffmq_20_needs_a_key():
    with pytest.raises(ValueError, match="not known"):
        scored("FFMQ", [3] * 20, version="20")
    names = ["observing", "describing", "awareness", "nonjudging", "nonreactivity"]
    key = {name: tuple(range(4 * k + 1, 4 * k + 5)) for k, name in enumerate(names)}
    keyed = form("FFMQ", "20").with_key(key, (9, 10, 11, 12))
    answers = pd.DataFrame([[1] * 4 + [2] * 4 + [1] * 4 + [4] * 4 + [5] * 4], dtype=float)
    found = {n: v[0] for n, v in score(keyed, answers, "refuse").values.items()}
    assert found == {"observing": 4, "describing": 8, "awareness": 20, "nonjudging": 16,
                     "nonreactivity": 20, "total": 68}  # fmt: skip


def test_answers_reversed_in_the_file_are_not_reversed_again():
    assert scored("PSS-10", PSS, recoded=True)["total"] == sum(PSS)


def without(answers, *items):
    return [NAN if item in items else answer for item, answer in enumerate(answers, 1)]


MISSING = [
    # FIQR by its manual, domain by domain: function sum 36 of 8 answers * 9/8 = 40.5, / 3 = 13.5
    ("fiqr one", "FIQR", None, FIQR, (9,), "prorate", {"function": 13.5, "impact": 8, "symptoms": 35, "total": 56.5}),
    # impact 3 of one answer * 2; symptoms 63 of nine * 10/9 = 70, / 2
    ("fiqr two domains", "FIQR", None, FIQR, (11, 12), "prorate", {"function": 15, "impact": 6, "symptoms": 35, "total": 56}),
    ("fiqr one answer left", "FIQR", None, FIQR, tuple(range(2, 10)), "prorate", {"function": 3, "impact": 8, "symptoms": 35, "total": 46}),
    ("fiqr a domain gone", "FIQR", None, FIQR, (10, 11), "prorate", {"function": 15, "impact": NAN, "symptoms": 35, "total": NAN}),
    ("fiqr refused", "FIQR", None, FIQR, (9,), "refuse", {"function": NAN, "impact": 8, "symptoms": 35, "total": NAN}),
    # four of nine missing is half and more there; five is not
    ("fiqr half", "FIQR", None, FIQR, (6, 7, 8, 9), "half", {"function": 9, "impact": 8, "symptoms": 35, "total": 52}),
    ("fiqr less than half", "FIQR", None, FIQR, (5, 6, 7, 8, 9), "half", {"function": NAN, "impact": 8, "symptoms": 35, "total": NAN}),
    ("hads one", "HADS", None, [2] * 14, (1,), "one", {"anxiety": 14, "depression": 14, "total": 28}),
    ("hads one in each", "HADS", None, [2] * 14, (1, 2), "one", {"anxiety": 14, "depression": 14, "total": 28}),
    ("hads two of one", "HADS", None, [2] * 14, (1, 3), "one", {"anxiety": NAN, "depression": 14, "total": NAN}),
    ("hads default", "HADS", None, [2] * 14, (1,), "refuse", {"anxiety": NAN, "depression": 14, "total": NAN}),
    # the reversed item 4 is missing: 16 - 1 = 15 of nine answers * 10/9
    ("pss reversed", "PSS-10", None, PSS, (4,), "one", {"total": 150 / 9}),
    # mean of eleven answers: reversed ones count 1, five of them 5, item 2 gone; (6 + 25) / 11
    ("scs mean of the rest", "SCS-SF", "mean", [5] * 12, (2,), "one", {"total": 31 / 11}),
    ("fsdc unticked", "FSDC", "items", [1, 1, *[0] * 17, 3, 3, 3, 0, 0, 0], tuple(range(3, 20)), "zero", {"wpi": 2, "sss": 9, "total": 11, "case": 0}),
    ("fsdc no region at all", "FSDC", "items", [0] * 25, tuple(range(1, 20)), "zero", {"wpi": NAN, "sss": 0, "total": NAN, "case": NAN}),
    ("fsdc refused", "FSDC", "parts", [8, 9], (1,), "refuse", {"wpi": NAN, "sss": 9, "total": NAN, "case": NAN}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "version", "answers", "gone", "rule", "wanted"),
    [c[1:] for c in MISSING],
    ids=[c[0] for c in MISSING],
)
def test_missing_answers_by_hand(name, version, answers, gone, rule, wanted):
    found = scored(name, without(answers, *gone), rule, version)
    assert found == pytest.approx(wanted, nan_ok=True, rel=1e-15)


KEYED = [(one.name, f.version) for one in instruments().values() for f in one.forms if f.keyed]


@pytest.mark.parametrize(("name", "version"), KEYED)
def test_nobody_who_answered_nothing_has_a_score(name, version):
    one = instruments()[name]
    empty = pd.DataFrame(np.full((1, form(name, version).n_items), NAN))
    for rule in one.missing:
        result = score(form(name, version), empty, rule)
        assert all(np.isnan(values[0]) for values in result.values.values())
        assert result.missing[form(name, version).scores[-1]][0] == empty.shape[1]


@pytest.mark.parametrize(("name", "version"), KEYED)
def test_the_extreme_answers_give_the_extreme_scores(name, version):
    found = form(name, version)
    for end in (0, 1):
        answers = [
            span[1 - end] if item in found.reversed else span[end]
            for item, span in enumerate(found.ranges, 1)
        ]
        got = scored(name, answers, version=version)
        assert got == {one: found.limits(one)[end] for one in found.scores}


@pytest.mark.parametrize("answer", [11, -1, 2.5, float("inf"), 5.0000001])
def test_an_impossible_answer_is_marked_and_nothing_is_scored_from_it(answer):
    answers = pd.DataFrame([FIQR, FIQR], dtype=float)
    answers.iloc[0, 10] = answer
    result = score(form("FIQR"), answers, "prorate")
    assert np.argwhere(result.impossible).tolist() == [[0, 10]]
    assert {n: v[0] for n, v in result.values.items()} == pytest.approx(
        {"function": 15, "impact": NAN, "symptoms": 35, "total": NAN}, nan_ok=True
    )
    assert result.values["total"][1] == 58
    assert result.missing["total"].tolist() == [0, 0]


def test_missing_answers_are_counted_for_each_score():
    answers = pd.DataFrame([without(FIQR, 1, 2, 21), FIQR], dtype=float)
    missing = score(form("FIQR"), answers, "prorate").missing
    counts = {name: n.tolist() for name, n in missing.items()}
    assert counts == {"function": [2, 0], "impact": [0, 0], "symptoms": [1, 0], "total": [3, 0]}


def test_the_wrong_number_of_columns_is_refused():
    with pytest.raises(ValueError, match="20 columns for 21 items"):
        score(form("FIQR"), pd.DataFrame(np.zeros((2, 20))), "refuse")


def test_answers_are_left_as_they_were():
    answers = pd.DataFrame([PSS], dtype=float)
    score(form("PSS-10"), answers, "refuse")
    assert answers.iloc[0].tolist() == PSS


def test_what_disagrees():
    stored = np.array([20.333333333333332, 20.33, 20.34, NAN, NAN, 5.0, 0.0])
    again = np.array([20 + 1 / 3, 20 + 1 / 3, 20 + 1 / 3, NAN, 5.0, NAN, 1 / 3])
    exact = [False, True, True, False, True, True, True]
    assert disagreeing(stored, again).tolist() == exact
    assert disagreeing(stored, again, 2).tolist() == [False, False, True, False, True, True, True]
    assert disagreeing(stored, again, 0).tolist()[:3] == [False, False, False]
    # Fifteen digits, as R writes them, are not a disagreement.
    assert not disagreeing(np.array([77.8333333333333]), np.array([77 + 5 / 6])).any()
