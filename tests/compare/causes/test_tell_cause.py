"""What was found stands in the red rows, and in no other."""

from __future__ import annotations

from dataclasses import replace

from rows_by_hand import row

from harness.compare.causes import Cause, told
from harness.compare.verdict import Verdict

ML = Cause("r", "reml", "fitted by ML, not REML", 7)
Z = Cause("python", "df", "took normal instead of t distributions (z tests)", 3)
UNKNOWN = Cause("r", "", "", 41)
RED = row("week", "df", 40.0, 60.0)
GREEN = replace(RED, verdict=Verdict.MATCH, exit_code=0)


def test_a_cause_stands_in_every_red_row_and_in_no_other() -> None:
    rows = (RED, GREEN, replace(RED, verdict=Verdict.DIFFERENT_MODEL))
    cause = "r fitted by ML, not REML"
    assert told(rows, [ML]) == (replace(rows[0], cause=cause), GREEN, replace(rows[2], cause=cause))


def test_both_sides_may_be_off() -> None:
    (found,) = told([RED], [Z, ML])
    assert found.cause == (
        "python took normal instead of t distributions (z tests); r fitted by ML, not REML"
    )
    assert found.note == ""


def test_a_side_that_no_change_explains_is_told_in_the_note() -> None:
    said = "none of 41 single changes to what was asked gives r's numbers"
    (bare,) = told([RED], [UNKNOWN])
    assert (bare.cause, bare.note) == ("", said)
    (found,) = told([replace(RED, note="a knife edge")], [Z, UNKNOWN])
    assert found.cause == "python took normal instead of t distributions (z tests)"
    assert found.note == f"a knife edge; {said}"


def test_both_sides_may_remain_unexplained() -> None:
    (found,) = told([RED], [replace(UNKNOWN, side="python", tried=40), UNKNOWN])
    assert found.note == (
        "none of 40 single changes to what was asked gives python's numbers; "
        "none of 41 single changes to what was asked gives r's numbers"
    )


def test_what_the_comparison_knew_stays_where_nothing_was_found() -> None:
    known = replace(RED, cause="the likelihood is flat")
    assert told([known], [UNKNOWN])[0].cause == "the likelihood is flat"
    assert told([known], [ML])[0].cause == "r fitted by ML, not REML"
    assert told([known, GREEN], []) == (known, GREEN)
