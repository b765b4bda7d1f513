"""Hypotheses on coefficients: the port's beside lmerTest's, pbkrtest's and Wald's."""

from __future__ import annotations

import pytest
from question_cases import change, patients
from r_examples import spec

from harness.compare import Verdict, compare_model
from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.models.besides import Besides
from harness.models.hypothesis import Hypothesis
from harness.models.spec import ModelKey

KEY = ModelKey("analysis", "set", "outcome")
PORT = PortEngine()
CROSSED = "y ~ arm * visit * age + base + (1 | id)"
SLOPES = "y ~ arm * week * age + base + (week | id)"
LINEAR = "y ~ arm * age + base + dose"


LAST = "é shifted, 3 rows"


def asked(*names: str, last: float = 1.0) -> Besides:
    """A sum against a number, two rows together, two rows against numbers."""
    a, b, c = names
    return Besides(
        ("hypotheses",),
        hypotheses=(
            Hypothesis("sum", (((a, 1.0), (b, last)),), (-0.25,)),
            Hypothesis("both", (((a, 1.0),), ((b, -2.0), (c, 0.5))), (0.0, 0.0)),
            Hypothesis(LAST, tuple(((name, 1.0),) for name in names), (1.0, 0.0, -0.5)),
        ),
    )


VISITS = ("armB:visitw4:age", "armB:visitw12:age", "base")
WEEKS = ("armB:week:age", "armB:age", "base")
BASE = ("armB:age", "base", "dosehigh")
CASES = {
    "satterthwaite": (CROSSED, VISITS, {}, patients),
    "kenward-roger": (CROSSED, VISITS, {"df_method": "kenward-roger"}, patients),
    "residual": (CROSSED, VISITS, {"df_method": "residual", "weights": "w"}, patients),
    "z-ml": (CROSSED, VISITS, {"df_method": "z", "reml": False}, patients),
    "slopes": (SLOPES, WEEKS, {}, patients),
    "slopes-kenward-roger": (SLOPES, WEEKS, {"df_method": "kenward-roger"}, patients),
    "linear": (LINEAR, BASE, {"df_method": "residual"}, change),
    "linear-z-weights": (LINEAR, BASE, {"df_method": "z", "weights": "w", "offset": "o"}, change),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.exhaustive if name.endswith("s-kenward-roger") else ())
        for name in CASES
    ],
)
def test_every_number_agrees(lme4: RLiveEngine, name: str) -> None:
    formula, names, choices, data = CASES[name]
    model = spec(formula, besides=asked(*names), **choices)
    python, r = PORT.fit(model, data()), lme4.fit(model, data())
    rows = compare_model(KEY, python, r)
    assert {row.verdict for row in rows} == {Verdict.MATCH}, [row for row in rows if row.red][:3]
    found = {row.term: {} for row in rows if row.term.startswith("hypothesis(")}
    assert list(found) == [
        "hypothesis(sum)",
        "hypothesis(both)",
        f"hypothesis({LAST})",
    ]
    for row in rows:
        if row.term in found:
            found[row.term][row.quantity] = row.python
    assert len(found["hypothesis(sum)"]) == 7
    assert found["hypothesis(both)"]["num_df"] == 2
    assert found[f"hypothesis({LAST})"]["num_df"] == 3


def test_another_hypothesis_is_seen_in_every_number_that_hangs_on_it(lme4: RLiveEngine) -> None:
    formula, names, _, data = CASES["satterthwaite"]
    python = PORT.fit(spec(formula, besides=asked(*names)), data())
    r = lme4.fit(spec(formula, besides=asked(*names, last=1.001)), data())
    red = {(row.term, row.quantity) for row in compare_model(KEY, python, r) if row.red}
    assert {quantity for term, quantity in red if term == "hypothesis(sum)"} >= {
        *("contrast", "std_error", "statistic", "p_value", "conf_low", "conf_high"),
    }
    assert {term for term, _ in red} == {"hypothesis(sum)"}


def test_an_unknown_coefficient_is_refused_by_both_in_the_same_words(lme4: RLiveEngine) -> None:
    formula, _, _, data = CASES["linear"]
    model = spec(formula, besides=asked("armB:age", "base", "dosemax"))
    python, r = PORT.fit(model, data()), lme4.fit(model, data())
    (row,) = [row for row in compare_model(KEY, python, r) if row.red]
    assert (row.term, row.verdict) == ("hypotheses", Verdict.NOT_COMPUTED)
    said = (
        "hypothesis(both): no coefficient `dosemax`; there are (Intercept), armB, age, base, "
        "dosemid, dosehigh, armB:age"
    )
    assert row.note == f"python: {said}; r: {said}"


def test_rows_that_say_the_same_are_refused_by_both(lme4: RLiveEngine) -> None:
    twice = Hypothesis("h", ((("base", 1.0),), (("base", 2.0),)), (0.0, 0.0))
    model = spec(CROSSED, besides=Besides(("hypotheses",), hypotheses=(twice,)))
    python, r = PORT.fit(model, patients()), lme4.fit(model, patients())
    for side, word in ((python, "dependent"), (r, "independent")):
        assert word in (side.refused or {})["hypotheses"]
