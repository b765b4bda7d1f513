"""Families of tests in the diff table: adjusted whole or not at all, and who is at fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimates_by_hand import besides, pair, with_value
from listening_engines import SPEC

from harness.compare import DiffTable, Verdict, join
from harness.compare.causes import Asked, find_cause
from harness.compare.families import Adjusted, adjust_families, with_adjusted
from harness.compare.family_rows import with_families
from harness.compare.fits import Fitted
from harness.compare.model import compare_model
from harness.compare.policy import default_policy
from harness.engines.multiplicity import Method, adjusted_p
from harness.engines.port.engine import PortEngine
from harness.engines.r.adjusted import AdjustedByR, PValues
from harness.errors import RecordRefused, ReferenceUnavailable
from harness.language import parse_formula
from harness.models.families import Family, Member
from harness.models.record import Answer, NotComputed
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.sets.analysis_set import AnalysisSet

TERM = "anova(treatment)"
FRAME = pd.DataFrame({"bdi": [1.0, 2.0]})
SETS = {"ITT": AnalysisSet("ITT", "", np.array([True, True]), 2, 2, 0)}
P = (0.001, 0.013, 0.014, 0.3, 0.8)


def key(place: int) -> ModelKey:
    return ModelKey("mod", "ITT", f"y{place}")


@dataclass
class R:
    """A reference that adjusts as it is told to, and writes down what it is asked."""

    method: Method | None = None
    error: Exception | None = None
    heard: list[PValues] = field(default_factory=list)
    source: str = "live"
    tally: Any = None
    answer: Any = None
    fit: Any = None
    close: Any = None

    def adjust(self, asked: PValues) -> AdjustedByR:
        self.heard.append(asked)
        if self.error is not None:
            raise self.error
        found = adjusted_p(asked.p_values, self.method or asked.method)
        return AdjustedByR(asked, tuple(found.tolist()))


Change = Callable[[int, Answer, Answer], tuple[Answer, Answer]]


def fits(
    p: Sequence[float] = P, p_r: Sequence[float] | None = None, change: Change | None = None
) -> tuple[Fitted, ...]:
    """Both answers to a model for each p value."""
    found = []
    for place, both in enumerate(zip(p, p if p_r is None else p_r, strict=True)):
        sides = (
            with_value(side, TERM, "p_value", value)
            for side, value in zip(pair(**besides()), both, strict=True)
        )
        python, r = change(place, *sides) if change else sides
        found.append(Fitted(ModelTask(key(place), SPEC), python, r, None, 0.0, 0.0))
    return tuple(found)


def family(method: Method = "BH", models: int = len(P)) -> Family:
    members = (Member(ModelTask(key(k), SPEC), ("treatment",), anova=True) for k in range(models))
    return Family(method, "mod in ITT", tuple(members))


def run(
    given: tuple[Fitted, ...], asked: Family | None = None, reference: R | None = None
) -> tuple[DiffTable, Adjusted, tuple[Fitted, ...]]:
    """What a run does with its fits."""
    (found,) = adjust_families([asked or family()], given, SETS, FRAME, reference or R())
    told = with_adjusted(given, [found])
    models = [compare_model(f.task.key, f.python, f.r) for f in told]
    return join(with_families(models, told, [found])), found, told


def rows(table: DiffTable, tier: str = "T2") -> list[Any]:
    return [row for row in table.rows if row.quantity == "p_adjusted" and row.tier == tier]


@pytest.mark.parametrize("method", ["BH", "BY", "holm", "bonferroni"])
def test_each_test_has_its_row_behind_its_p_with_the_familys_size(method: Method) -> None:
    table, found, told = run(fits(), family(method))
    wanted = adjusted_p(P, method).tolist()
    assert [row.python for row in rows(table)] == [row.r for row in rows(table)] == wanted
    for model in table.models:
        names = [(row.term, row.quantity) for row in model if row.tier == "T2"]
        assert names[names.index((TERM, "p_value")) + 1] == (TERM, "p_adjusted")
    assert {row.note for row in rows(table)} == {f"{method} over 5 tests of mod in ITT"}
    assert {row.verdict for row in table.rows} == {Verdict.MATCH}
    assert found.python.p_values == P
    assert [side.adjusted[0].tests for f in told for side in (f.python, f.r)] == [5] * 10


def test_python_adjusts_pythons_and_r_adjusts_rs_p_values() -> None:
    reference = R()
    p_r = tuple(p * (1 + 1e-9) for p in P)
    table, found, _ = run(fits(P, p_r), reference=reference)
    (heard,) = reference.heard
    assert heard == PValues(
        "mod in ITT", "BH", tuple(f"{TERM} in mod/ITT/y{k}" for k in range(5)), p_r
    )
    assert found.r.p_adjusted != found.python.p_adjusted
    (row,) = rows(table, "T1")
    assert (row.python, row.r, row.verdict) == (row.r, row.python, Verdict.MATCH)
    assert row.r in found.r.p_adjusted
    assert row.note.startswith("python's BH over 5 tests of mod in ITT, of r's p values")


def test_the_limit_is_that_of_the_p_that_decides() -> None:
    # BH: 0.013 is decided by 0.014 (5 * 0.014 / 3 < 5 * 0.013 / 2), whose limit is 1e-6.
    table, _, told = run(fits())
    limits = [row.limit for row in rows(table)]
    deciding = [0.001, 0.014, 0.014, 0.3, 0.8]
    assert [f.python.adjusted[0].decided_by for f in told] == deciding
    assert limits == pytest.approx([1e-6 / (p - 1e-6) for p in deciding], rel=1e-12)
    # Below 1e-4 a p's own limit is relative.
    table, _, _ = run(fits((1e-6, *P[1:])))
    assert rows(table)[0].limit == default_policy().find("p_value", "T2", magnitude=1e-6).limit


@pytest.mark.parametrize("method", ["BH", "BY", "holm", "bonferroni"])
def test_p_values_within_their_limits_never_make_an_adjusted_one_red(method: Method) -> None:
    rng = np.random.default_rng(8)
    for _ in range(5):
        p = rng.uniform(0.0002, 0.9, size=6)
        off = p + rng.choice([-0.99e-6, 0.99e-6], size=6)
        table, _, _ = run(fits(p.tolist(), off.tolist()), family(method, 6))
        assert not any(row.verdict is Verdict.DIFFERS for row in rows(table))


def test_an_adjusted_p_on_the_other_side_of_alpha_flips_the_decision() -> None:
    # Bonferroni over 5: 0.01 * (1 -+ 1e-7) is 0.05 less and more a trace.
    p, p_r = (0.01 * (1 - 1e-7), *P[1:]), (0.01 * (1 + 1e-7), *P[1:])
    table, _, _ = run(fits(p, p_r), family("bonferroni"))
    first, *others = rows(table)
    assert first.verdict is Verdict.DECISION_FLIPS
    assert "the adjusted p is on the other side of 0.05" in first.note
    assert "a knife edge" in first.note
    assert {row.verdict for row in others} == {Verdict.MATCH}
    assert table.exit_code == 1


def test_a_p_that_is_off_is_named_where_it_moves_others() -> None:
    # y2's p of 0.014 decides y1's too.
    table, _, _ = run(fits(P, (*P[:2], 0.0145, *P[3:])))
    red = {row.outcome: row for row in rows(table) if row.red}
    assert set(red) == {"y1", "y2"}
    cause = "hangs on p of anova(treatment) in mod/ITT/y2, which is off"
    assert {row.cause for row in red.values()} == {cause}


def test_what_hangs_on_a_boundary_fit_cannot_be_compared_either() -> None:
    def boundary(place: int, python: Any, r: Any) -> Any:
        if place != 2:
            return python, r
        return tuple(replace(side, singular=True, min_eigen=0.0) for side in (python, r))

    table, _, _ = run(fits(P, (*P[:2], 0.0145, *P[3:]), boundary))
    found = {row.outcome: row for row in rows(table)}
    assert found["y1"].verdict is found["y2"].verdict is Verdict.BOUNDARY
    assert "which cannot be compared (boundary fit)" in found["y1"].note
    assert found["y0"].verdict is Verdict.MATCH
    # Where the p of the boundary fit agree they excuse nothing.
    table, _, _ = run(fits(P, (*P[:3], 0.31, *P[4:]), boundary))
    assert next(row for row in rows(table) if row.outcome == "y3").verdict is Verdict.DIFFERS


def test_another_method_of_r_is_named() -> None:
    table, _, _ = run(fits(), reference=R(method="holm"))
    beyond = rows(table, "T1")
    assert len(beyond) > 1
    assert {row.cause for row in beyond} == {"r adjusted by holm, not BH"}
    assert {row.verdict for row in beyond} == {Verdict.DIFFERS}


def test_another_method_or_family_of_two_files_is_named() -> None:
    _, _, told = run(fits())
    python, r = told[1].python, told[1].r
    (own,) = r.adjusted
    for changes, words in (({"method": "holm"}, "holm over 5"), ({"tests": 4}, "BH over 4")):
        other = replace(r, adjusted=(replace(own, p_adjusted=0.04, **changes),))
        (row,) = [row for row in compare_model(key(1), python, other) if row.red]
        assert row.cause == f"adjusted otherwise: BH over 5 tests (python), {words} tests (r)"


MISSING: list[tuple[str, Change, str]] = [
    (
        "no answer",
        lambda k, python, r: (python, NotComputed("lme4", "crashed") if k == 3 else r),
        "no adjusted p (r): mod/ITT/y3 was not computed",
    ),
    (
        "NaN",
        lambda k, python, r: (python, with_value(r, TERM, "p_value", math.nan) if k == 3 else r),
        "no adjusted p (r): the p value of anova(treatment) in mod/ITT/y3 is NaN",
    ),
    (
        "no such term",
        lambda k, python, r: (python, replace(r, anova=()) if k == 3 else r),
        "no adjusted p (r): there is no p value of anova(treatment) in mod/ITT/y3",
    ),
]


@pytest.mark.parametrize(("change", "note"), [m[1:] for m in MISSING], ids=[m[0] for m in MISSING])
def test_a_missing_test_leaves_its_side_without_and_one_row_says_so(
    change: Change, note: str
) -> None:
    table, found, _ = run(fits(change=change))
    assert found.r.p_adjusted == ()
    named = [row for row in table.rows if row.term == "BH of mod in ITT"]
    assert [(row.outcome, row.verdict, row.exit_code) for row in named] == [
        ("y3", Verdict.NOT_COMPUTED, 4)
    ]
    assert named[0].note == note
    lonely = [row for row in rows(table) if row is not named[0]]
    assert {row.verdict for row in lonely} == {Verdict.PYTHON_ONLY}
    assert [row.python for row in lonely] == adjusted_p(P, "BH").tolist()
    reason = note.removeprefix("no adjusted p (r): ")
    assert {row.note for row in lonely if row.outcome != "y3"} == {f"r: {reason}"}
    assert table.exit_code == 4


def test_a_model_nobody_computed_leaves_the_family_with_one_row() -> None:
    def neither(k: int, python: Any, r: Any) -> Any:
        refusal = NotComputed("port", "constant outcome", 2), NotComputed("lme4", "constant", 2)
        return refusal if k == 3 else (python, r)

    table, _, told = run(fits(change=neither))
    (row,) = rows(table)
    assert (row.verdict, row.exit_code, row.term) == (Verdict.NOT_COMPUTED, 2, "BH of mod in ITT")
    assert row.note == "no adjusted p (python and r): mod/ITT/y3 was not computed"
    assert all(f.python.adjusted is None for f in told if f.task.key != key(3))


@pytest.mark.parametrize("error", [ReferenceUnavailable("no R"), RecordRefused("p are others")])
def test_an_r_that_cannot_adjust_says_why(error: Exception) -> None:
    table, _, _ = run(fits(), reference=R(error=error))
    assert [row.verdict for row in rows(table)].count(Verdict.PYTHON_ONLY) == 5
    (row,) = [row for row in rows(table) if row.verdict is Verdict.NOT_COMPUTED]
    assert (row.note, row.exit_code) == (f"no adjusted p (r): {error}", 4)
    assert table.exit_code == 4


def test_a_part_of_a_family_is_never_adjusted_and_never_red() -> None:
    reference = R()
    table, found, _ = run(fits()[:3], reference=reference)
    assert (found.left_out, len(found.tests), reference.heard) == (2, 3, [])
    assert rows(table) == rows(table, "T1") == []
    assert {row.verdict for row in table.rows} == {Verdict.MATCH}


def test_none_counts_and_adjusts_nothing() -> None:
    reference = R()
    table, found, _ = run(fits(), family("none"), reference)
    assert (found.python.p_values, found.r.p_values) == (P, P)
    assert (reference.heard, rows(table)) == ([], [])


def test_a_model_without_a_column_of_the_term_is_at_fault_on_both_sides() -> None:
    member = Member(ModelTask(key(0), ModelSpec(parse_formula("bdi ~ absent"))), ("absent",))
    table, _, _ = run(fits()[:1], Family("BH", "mod in ITT", (member,)))
    (row,) = rows(table)
    assert row.note.startswith("no adjusted p (python and r): mod/ITT/y0: ")
    assert "absent" in row.note
    assert row.exit_code == 4


def test_an_adjusted_p_is_no_part_of_what_the_search_for_causes_holds() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"y": rng.normal(size=12), "x": rng.normal(size=12)})
    asked = ModelSpec(parse_formula("y ~ x"), df_method="residual")
    right = PortEngine().fit(asked, frame)
    (own,) = run(fits()[:1], family(models=1))[2][0].python.adjusted
    python = replace(right, adjusted=(own,))
    r = replace(right, engine="lm", adjusted=(replace(own, p_adjusted=0.9),))
    assert find_cause(Asked(asked, frame, id="id", time="t", sets={}), python, r) == ()
