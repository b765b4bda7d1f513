"""The flow of patients on the terminal and in tables and diagram; hostile labels are elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from harness.report.consort import MOST_ARMS, consort_diagram
from harness.report.content import RunRecord
from harness.report.flow import (
    flow_definition,
    flow_lines,
    flow_notes,
    flow_sentence,
    models_header,
    models_lines,
)
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.terminal import render_run
from harness.sets.flow import Flow, ModelCounts, SetCounts, VisitCounts

PRE = VisitCounts("pre", (4, 5), (4, 4), (0, 1), (0, 0))
POST = VisitCounts(
    "post", (3, 5), (3, 3), (0, 0), (1, 2), (("ill", (0, 2)), ("no reason given", (1, 0)))
)
USED = ModelCounts("efficacy/ITT/bdi", "ITT", 14, 8, (4, 4), ((4, 4), (3, 3)), (("bdi", 1),))
FLOW = Flow(
    arms=("TAU", "New"),
    randomised=(4, 5),
    seen_by=("a", "b", "c", "d", "e", "f"),
    dispositions=(("stayed", (3, 3)), ("left", (1, 2))),
    visits=(PRE, POST),
    sets=(
        SetCounts("ITT", (4, 5), (7, 9), everybody=True),
        SetCounts("PP", (4, 2), (7, 4), everybody=False),
    ),
    models=(
        USED,
        replace(USED, place="efficacy/ITT/pain", lacking=(("pain", 1),)),
        ModelCounts("efficacy/PP/bdi", "PP", 10, 6, (4, 2), ((4, 2), (3, 2)), ()),
    ),
)


def test_a_line_of_who_was_randomised_and_seen() -> None:
    assert flow_sentence(FLOW) == (
        "patients: 9 randomised (TAU 4, New 5); seen at pre: 4 + 4, post: 3 + 3"
    )
    assert "a value of a, b, c, d or 2 more. Lost" in flow_definition(FLOW)


def test_the_table_has_whatever_is_not_nobody() -> None:
    assert [line.cells for line in flow_lines(FLOW)] == [
        ("randomised", "4", "5", "9"),
        ("seen at pre", "4", "4", "8"),
        ("missed pre, seen later", "0", "1", "1"),
        ("a row and no value at pre", "0", "1", "1"),
        ("lost before post", "1", "2", "3"),
        ("lost before post: ill", "0", "2", "2"),
        ("lost before post: no reason given", "1", "0", "1"),
        ("seen at post", "3", "3", "6"),
        ("a row and no value at post", "0", "2", "2"),
        ("disposition: stayed", "3", "3", "6"),
        ("disposition: left", "1", "2", "3"),
        ("set ITT", "4", "5", "9"),
        ("set ITT, rows", "7", "9", "16"),
        ("set PP", "4", "2", "6"),
        ("set PP, rows", "7", "4", "11"),
    ]


def test_models_that_use_the_same_patients_are_one_line() -> None:
    assert models_header(FLOW)[:7] == ("models", "set", "rows", "TAU", "New", "at pre", "at post")
    assert [line.cells for line in models_lines(FLOW)] == [
        ("efficacy/ITT/bdi and 1 other", "ITT", "14", "4 of 4", "4 of 5", "4 + 4", "3 + 3",
         "bdi (1) or pain (1)"),
        ("efficacy/PP/bdi", "PP", "10", "4 of 4", "2 of 2", "4 + 2", "3 + 2", ""),
    ]  # fmt: skip


def test_notes_are_few_on_the_terminal_and_all_in_the_reports(
    record: Callable[..., RunRecord],
) -> None:
    odd = replace(FLOW, data_notes=tuple(f"oddity {k}" for k in range(4)))
    assert len(odd.notes) == 6
    assert flow_notes(FLOW) == [f"flow: {note}" for note in FLOW.notes]
    told = record(flow=odd)
    shown = render_run(told, colour=False)
    assert "set PP: 2 patients, 4 rows, 1 rows undecided (TAU 4 of 4, New 2 of 5)" in shown
    assert "flow: oddity 3\nflow: 2 more notes in report.html\n" in shown
    one_more = replace(FLOW, data_notes=odd.data_notes[:3])
    assert flow_notes(one_more)[-1] == "flow: 1 more note in report.html"
    for page in (report_html(told), diff_markdown(told)):
        assert "PP selects in some arms only" in page
        assert "ITT uses 8 of 9 randomised" in page
        assert "lost before post: no reason given" in page
    assert "Flow of patients" not in diff_markdown(record())


def test_the_diagram_draws_each_box_apart_and_inside() -> None:
    drawn = consort_diagram(FLOW)
    size = [int(v) for v in re.findall(r'viewBox="0 0 (\d+) (\d+)"', drawn)[0]]
    found = re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', drawn)
    boxes = [tuple(map(int, box)) for box in found]
    assert len(boxes) == 1 + 2 * 4
    for place, (x, y, width, height) in enumerate(boxes):
        assert x + width < size[0]
        assert y + height < size[1]
        for left, top, wide, high in boxes[:place]:
            assert x >= left + wide or left >= x + width or y >= top + high
    texts = re.findall(r'<text x="(\d+)" y="(\d+)" fill="#000">([^<]*)</text>', drawn)
    words = [words for _, _, words in texts]
    assert words[0] == "Randomised: 9"
    wanted = {"TAU: 4", "lost: 1", "lost: 2", "missed, seen later: 1", "set ITT: 5", "set PP: 2"}
    assert wanted <= set(words)
    inside = {
        word: [
            (x, y)
            for x, y, width, height in boxes
            if x < int(left) < x + width and y < int(base) <= y + height - 4
        ]
        for left, base, word in texts
    }
    assert all(len(places) == 1 for word, places in inside.items() if not _gone(word))
    assert all(places == [] for word, places in inside.items() if _gone(word))


def _gone(word: str) -> bool:
    return word.startswith(("lost", "missed"))


def test_a_flow_too_wide_for_a_page_is_left_to_the_table() -> None:
    many = tuple(f"arm {k}" for k in range(MOST_ARMS + 1))
    assert consort_diagram(replace(FLOW, arms=many)) == ""


def test_a_long_name_is_cut_in_the_diagram() -> None:
    drawn = consort_diagram(replace(FLOW, arms=("TAU", "x" * 60)))
    assert "x" * 33 + "…<" in drawn
