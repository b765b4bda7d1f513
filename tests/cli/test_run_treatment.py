"""The named analyses of a treatment effect, as a plan writes them, in both engines and plain R."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Run, StudyCopy
from .test_run import rows_of
from .test_run_live import hold_reproduce_r

Copy = Callable[[str], StudyCopy]

EVERYTHING = "report: [coefficients, random, fit, emmeans, contrasts, anova, effect_size]"
OF = "outcomes: [fiqr_total], sets: [ITT]"
ANALYSES = f"""\
analyses:
  - {{id: ancova, kind: ancova, formula: "{{outcome}} ~ {{baseline}} + arm", at: [post], {OF},
     {EVERYTHING}, effect_size: {{sd: baseline, column: "{{baseline}}"}}}}
  - {{id: change, kind: ols, formula: "{{change}} ~ arm", at: [m12], {OF}, {EVERYTHING}}}
  - {{id: post, kind: ols, formula: "{{outcome}} ~ arm", at: [post], {OF}}}
  - {{id: moderated, kind: moderation, formula: "{{change}} ~ arm * {{moderator}}", {OF},
     at: [post], moderators: [age], probe: {{at: [mean-sd, mean], johnson_neyman: true}}}}
  - {{id: later, kind: lmm, formula: "{{outcome}} ~ {{baseline}} * time + arm * time + (1 | id)",
     at: [m12, m6], {OF}, {EVERYTHING}}}
  - {{id: constrained, kind: lmm, formula: "{{outcome}} ~ time + {{arm_after}} + (1 | id)", {OF},
     report: [coefficients, random, fit, anova]}}
"""


def with_analyses(study: StudyCopy, analyses: str) -> StudyCopy:
    """The study with other analyses."""
    text = study.plan.read_text(encoding="utf-8")
    head, tail = text[: text.index("analyses:\n")], text[text.index("reference:") :]
    study.plan.write_text(head + analyses + tail, encoding="utf-8")
    return study


@pytest.mark.live_r
def test_every_named_analysis_of_a_treatment_effect_matches(
    harness: Run, study: Copy, tmp_path: Path
) -> None:
    trial = with_analyses(study("eudaimon3"), ANALYSES)
    out = tmp_path / "out"
    told = harness("run", trial.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    rows = rows_of(out)
    assert {row["verdict"] for row in rows} == {"match"}
    terms = {(row["analysis"], row["term"]) for row in rows}
    assert {
        ("ancova", "fiqr_total.baseline"),
        ("ancova", "d of MBSR - TAU"),
        ("change", "arm=MBSR"),
        ("moderated", "jn(MBSR - TAU by age, inside, low)"),
        ("later", "(FibroQoL - TAU) x (m12 - m6)"),
        ("constrained", "arm.afterMBSR.m12"),
        ("constrained", "anova(arm.after)"),
    } <= terms | {(row["analysis"], f"d of {row['term']}") for row in rows}
    assert not any("=pre" in term or "=post" in term for _, term in terms)
    rows_used = {row["analysis"]: row["python"] for row in rows if row["quantity"] == "n_obs"}
    assert rows_used["ancova"] == rows_used["post"]
    assert float(rows_used["constrained"]) > 3 * float(rows_used["post"])
    hold_reproduce_r(out)
