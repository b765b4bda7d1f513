"""Adjusted p values in reports: beside p where there are any, and a line a family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from estimates_by_hand import KEY, pair

from harness.compare import DiffTable, compare_model
from harness.compare.families import Adjusted, Missing, Side
from harness.engines.multiplicity import Method
from harness.language import parse_formula
from harness.models.families import Family, Member
from harness.models.inference import AdjustedP
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.report.content import RunRecord
from harness.report.families import family_line
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.reproduce_families import adjusted_in_r, gathered_in_r
from harness.report.terminal import render_run
from harness.report.views import COEFFICIENT_HEADER, coefficient_lines, coefficient_table

Record = Callable[..., RunRecord]
TERM = "treatmentBtheB"
OWN = AdjustedP(TERM, 0.0618, "holm", "efficacy in ITT", 2, 0.0309)


def models(adjusted: tuple[AdjustedP, ...] | None = (OWN,)) -> DiffTable:
    python, r = pair(adjusted=adjusted)
    return DiffTable(compare_model(KEY, python, r))


def test_a_model_with_adjusted_p_values_has_two_columns_more() -> None:
    rows = models().rows
    header, lines = coefficient_table(rows)
    assert header[4:9] == (
        "p (Python)",
        "p (R)",
        "adj. p (Python)",
        "adj. p (R)",
        "worst, of limit",
    )
    cells = {line.cells[0]: line.cells for line in lines}
    assert cells[TERM][4:8] == ("0.0309", "0.0309", "0.0618", "0.0618")
    assert cells["week"][4:8] == ("0.1470", "0.1470", "", "")
    assert {len(line.cells) for line in lines} == {len(header)}


def test_a_model_without_is_as_it_was() -> None:
    rows = models(None).rows
    assert coefficient_table(rows) == (COEFFICIENT_HEADER, coefficient_lines(rows))


def test_they_stand_in_every_report_and_so_do_the_families(record: Record) -> None:
    line = "holm over 2 tests of efficacy in ITT: p < 0.05 in 1"
    made = record(diff=models(), families=(line,))
    for text, said in (
        (render_run(made), line),
        (report_html(made), "holm over 2 tests of efficacy in ITT: p &lt; 0.05 in 1"),
        (diff_markdown(made), "- holm over 2 tests of efficacy in ITT: p &lt; 0.05 in 1"),
    ):
        assert "adj. p (Python)" in text.replace("\\", "")  # Markdown escapes parentheses
        assert "0.0618" in text
        assert said in text
    bare = record(diff=models(None))
    for text in (render_run(bare), report_html(bare), diff_markdown(bare)):
        assert "adj. p" not in text
        assert "Multiple testing" not in text


def family(method: Method = "BH", tests: int = 4, **changes: object) -> Adjusted:
    key = ModelKey("mod", "ITT", "pain")
    members = tuple(
        Member(
            ModelTask(replace(key, outcome=f"y{k}"), ModelSpec(parse_formula("y ~ arm"))), ("arm",)
        )
        for k in range(tests)
    )
    p, adjusted = (0.001, 0.01, 0.04, 0.3), (0.004, 0.02, 0.0533, 0.3)
    given = {"python": Side(p, adjusted), "r": Side(p, adjusted), **changes}
    named = tuple((member.key, "armB") for member in members)
    return Adjusted(Family(method, "mod in ITT", members), named, **given)  # type: ignore[arg-type]


LINES = [
    (
        family(),
        "BH over 4 tests of mod in ITT: p < 0.05 in 3, adjusted p < 0.05 in 2; "
        "with no effect anywhere, 0.2 p < 0.05 are expected",
    ),
    (
        family("none", python=Side((0.01, 0.2, 0.3, 0.4)), r=Side((0.01, 0.2, 0.3, 0.4))),
        "not adjusted: 4 tests of mod in ITT: p < 0.05 in 1; "
        "with no effect anywhere, 0.2 p < 0.05 are expected",
    ),
    (
        family(r=Side((0.001, 0.01, 0.06, 0.3), (0.004, 0.02, 0.08, 0.3))),
        "BH over 4 tests of mod in ITT: p < 0.05 in 3 (python), 2 (r), adjusted p < 0.05 in 2; "
        "with no effect anywhere, 0.2 p < 0.05 are expected",
    ),
    (
        family(r=Side(missing=Missing("y1 was not computed", ModelKey("mod", "ITT", "y1")))),
        "BH over 4 tests of mod in ITT: p < 0.05 in 3 (python), unknown (r), "
        "adjusted p < 0.05 in 2 (python), unknown (r); "
        "with no effect anywhere, 0.2 p < 0.05 are expected; "
        "no adjusted p (r): y1 was not computed",
    ),
    (
        family(left_out=3),
        "BH of mod in ITT: no adjusted p, because only 1 of its 4 models were chosen",
    ),
]


@pytest.mark.parametrize(
    ("adjusted", "line"), LINES, ids=["all", "none", "differ", "missing", "part"]
)
def test_a_family_in_one_line(adjusted: Adjusted, line: str) -> None:
    assert family_line(adjusted) == line


def test_another_level_counts_otherwise() -> None:
    assert "p < 0.01 in 1, adjusted p < 0.01 in 1" in family_line(family(), 0.01)
    assert "0.04 p < 0.01 are expected" in family_line(family(), 0.01)


def test_r_adjusts_whole_families_only() -> None:
    whole, part = family(), family(r=Side())
    key = whole.tests[0][0]
    assert gathered_in_r(key, [whole]) == ['"armB"']
    assert gathered_in_r(key, [part]) == adjusted_in_r([part]) == []
    assert gathered_in_r(ModelKey("other", "ITT", "y0"), [whole]) == []
    (call,) = adjusted_in_r([whole])
    assert call.startswith(
        'adjusted("BH over 4 tests of mod in ITT", "BH", c(\n  "armB in mod/ITT/y0"'
    )
