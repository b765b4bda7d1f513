"""A reader sees which scores were made from answers, by which rule, and what to check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scored_study import ANSWERS, CODEBOOK, PLAN, STORED, TOTALS, data, write_scored
from small_study import changed

from harness.pipeline import run
from harness.provenance import run_record
from harness.report.content import RunRecord, ScoreFlow
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.terminal import render_run

LABEL = "<b>|`*\x1b[31m"


def test_a_run_tells_its_scores(tmp_path: Path) -> None:
    answers = [ANSWERS[0].replace("0", ".", 1), *ANSWERS[1:7], " ".join(["."] * 10)]
    plan = changed(PLAN, "width: 2}", "width: 2}, missing: one")
    path = write_scored(tmp_path, plan=plan, text=data(answers=answers))
    record = run_record(run(path, reference="recorded"), tmp_path, "harness run")
    line = "scores pss: PSS-10 from 10 answers, incomplete in 1 of 8 rows (one); pss_total added"
    assert line in render_run(record, colour=False).splitlines()
    assert [score.sentence for score in record.scores] == [line]
    assert "items 4, 5, 7 and 8 are the reversed ones: from memory" in report_html(record)
    assert set(record.manifest.sha256) == {"data", "plan", "codebook", "suite", "instruments"}


def test_compared_scores_are_said_to_be(tmp_path: Path) -> None:
    stored = data([str(total) for total in TOTALS])
    path = write_scored(tmp_path, codebook=CODEBOOK + STORED, text=stored)
    record = run_record(run(path, reference="recorded"), tmp_path, "harness run")
    assert record.scores[0].sentence.endswith("(refuse); pss_total compared")


def test_hostile_names_stay_text(record: Callable[..., RunRecord]) -> None:
    flow = ScoreFlow("x", "PSS-10", 10, "one", 8, 1, (LABEL,), (LABEL,), LABEL)
    told = record(scores=(flow,))
    assert "\x1b[31m" not in render_run(told, colour=False)
    assert "<b>" not in report_html(told)
    assert "<b>" not in diff_markdown(told).replace("\\<b", "")
