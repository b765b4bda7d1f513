"""The named analyses of a treatment effect, as a plan writes them, in both engines and plain R."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from harness.pipeline import run
from harness.report.reproduce import reproduce_script

from .conftest import StudyCopy
from .test_run import rows_of
from .test_run_live import hold_reproduce_r

Copy = Callable[[str], StudyCopy]

SUITE = """\
{"name": "eudaimon3", "meta": {"key": ["id", "time"]}, "expectations": [
  {"type": "expect_compound_columns_to_be_unique", "severity": "critical",
   "notes": "One row a patient and visit.", "meta": {"rule": "KEY-01"},
   "kwargs": {"column_list": ["id", "time"]}}]}
"""
EVERYTHING = "report: [coefficients, random, fit, emmeans, contrasts, anova, effect_size]"
OF = "outcomes: [fiqr_total], sets: [ITT]"
ANALYSES = f"""\
analyses:
  - {{id: ancova, kind: ancova, formula: "{{outcome}} ~ {{baseline}} + arm", at: [post], {OF},
     {EVERYTHING}, effect_size: {{sd: baseline, column: "{{baseline}}"}}}}
  - {{id: change, kind: ols, formula: "{{change}} ~ arm", at: [m12], {OF}}}
  - {{id: post, kind: ols, formula: "{{outcome}} ~ arm", at: [post], {OF}}}
  - {{id: moderated, kind: moderation, formula: "{{change}} ~ arm * {{moderator}}", {OF},
     at: [post], moderators: [age], probe: {{at: [mean-sd, mean], johnson_neyman: true}}}}
  - {{id: later, kind: lmm, formula: "{{outcome}} ~ {{baseline}} * time + arm * time + (1 | id)",
     at: [m12, m6], {OF}, {EVERYTHING}}}
  - {{id: constrained, kind: lmm, formula: "{{outcome}} ~ time + {{arm_after}} + (1 | id)", {OF},
     report: [coefficients, random, fit, anova]}}
  - {{id: by_visit, kind: mmrm, formula: "{{outcome}} ~ {{baseline}} + arm * time", covariance: csh,
     at: [post, m6, m12], {OF}, {EVERYTHING}}}
  - {{id: shared, kind: mmrm, formula: "{{outcome}} ~ time + {{arm_after}}", at: [pre, m12], {OF}}}
"""


def with_analyses(study: StudyCopy, analyses: str) -> StudyCopy:
    """The study with other analyses, and with one rule in its gate."""
    text = study.plan.read_text(encoding="utf-8")
    head, tail = text[: text.index("analyses:\n")], text[text.index("reference:") :]
    gate = head[head.index("  parameters:") : head.index("sets:\n")]
    study.plan.write_text(head.replace(gate, "") + analyses + tail, encoding="utf-8")
    study.suite.write_text(SUITE, encoding="utf-8")  # the whole gate is another test's, and slow
    return study


@pytest.mark.live_r
def test_every_named_analysis_of_a_treatment_effect_matches(study: Copy, tmp_path: Path) -> None:
    trial = with_analyses(study("eudaimon3"), ANALYSES)
    result = run(trial.plan, reference="live", cached=False)
    result.diff.to_csv(tmp_path / "diff.csv", index=False)  # figures and pages are others' tests
    rows = rows_of(tmp_path)
    assert [row for row in rows if row["verdict"] != "match"] == []
    terms = {(row["analysis"], row["term"]) for row in rows}
    assert {
        ("ancova", "fiqr_total.baseline"),
        ("ancova", "MBSR - TAU"),
        ("change", "armMBSR"),
        ("post", "armMBSR"),
        ("moderated", "jn(MBSR - TAU by age, inside, low, extrapolated)"),
        ("later", "(FibroQoL - TAU) x (m12 - m6)"),
        ("constrained", "arm.afterMBSR.m12"),
        ("constrained", "anova(arm.after)"),
        ("by_visit", "cor(id:time=post,time=m12)"),
        ("by_visit", "(FibroQoL - TAU) x (m6 - post)"),
        ("by_visit", "anova(arm:time)"),
        ("shared", "arm.afterMBSR.m12"),
    } <= terms
    sizes = {row["analysis"] for row in rows if row["quantity"] == "d"}
    assert sizes == {"ancova", "later", "by_visit"}
    later = {term for analysis, term in terms if analysis == "later"}
    assert not any("=pre" in term or "=post" in term for term in later)
    assert result.warnings == ()  # the flow counts the rows that were fitted
    used = {fitted.task.key.analysis: fitted.python.n_obs for fitted in result.fits}
    assert used["ancova"] == used["post"] == used["moderated"]
    assert used["post"] < used["shared"] < used["constrained"]
    opened, tasks = result.study, [fitted.task for fitted in result.fits]
    data = PurePath(trial.data)
    script = reproduce_script(opened.plan, opened.codebook, tasks, data, opened.scores)
    (tmp_path / "reproduce.R").write_text(script, encoding="utf-8")
    hold_reproduce_r(tmp_path)
