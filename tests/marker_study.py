"""A small trial with two serum markers, some of them below their limits, and assay plates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PLAN = """\
version: 1
study: {id: markers, synthetic: true}
data:
  file: markers.csv
  codebook: codebook.csv
  id: id
  arm: {column: arm, levels: [TAU, New]}
  time: {column: visit, levels: [pre, post]}
gate:
  suite: suite.json
sets:
  ITT: "true"
  post: "visit == 'post'"
detection:
  il6: {below: il6_low, rule: lod/sqrt2, also: {il6_half: lod/2, il6_lod: lod}}
  il10: {rule: drop}
outliers:
  il6_in: {of: il6, rule: iqr, limit: 1.5, action: winsor, per: time}
  ln_il10_in: {of: ln_il10, rule: z, limit: 1.5, action: drop, per: time}
  ln_il10_mid: {of: ln_il10_in, rule: quantile, limit: 0.1, action: winsor, per: all}
derive:
  ln_il10: "log(il10)"
  inside: "log(il6_in) - ln_il10_mid"
  ln_il6: "log(il6)"
  ln_il6_half: "log(il6_half)"
  ln_il6_lod: "log(il6_lod)"
  ratio: "log(il6 / il10)"
  ln_il6_0: "baseline(ln_il6)"
  ln_il10_0: "baseline(log(il10))"
  ratio_0: "baseline(ratio)"
analyses:
  - id: markers
    kind: lmm
    formula: "{outcome} ~ arm * visit + (1 | id)"
    outcomes: [ln_il6, ln_il6_half, ratio, inside]
    sets: [ITT]
  - id: below
    kind: tobit
    formula: "{outcome} ~ arm + ln_il6_0"
    outcomes: [ln_il6_lod]
    sets: [post]
    censored: {below: il6_low}
    hypotheses:
      slope: {rows: {ln_il6_0: 1}, equals: 1}
      both: [{armNew: 1}, {ln_il6_0: 1}]
  - id: plates
    kind: lmm
    formula: "{outcome} ~ arm * visit + (1 | id) + (1 | plate)"
    outcomes: [ln_il6]
    sets: [ITT]
  - id: plate
    kind: ols
    formula: "{outcome} ~ arm + plate"
    outcomes: [ln_il6]
    sets: [post]
  - id: joint
    kind: lmm
    formula: "{outcome} ~ arm * visit * (ln_il6_0 + ln_il10_0) + (1 | id)"
    outcomes: [fiq]
    sets: [ITT]
    df: kenward-roger
    hypotheses:
      ratio only: {"armNew:visitpost:ln_il6_0": 1, "armNew:visitpost:ln_il10_0": 1}
      both parts: [{"armNew:visitpost:ln_il6_0": 1}, {"armNew:visitpost:ln_il10_0": 1}]
"""

SUITE = """\
{"name": "markers", "meta": {"key": ["id", "visit"]}, "expectations": [
  {"type": "expect_compound_columns_to_be_unique", "severity": "critical",
   "notes": "One row a patient and visit.", "meta": {"rule": "KEY-01"},
   "kwargs": {"column_list": ["id", "visit"]}}]}
"""

CODEBOOK = """\
variable,type,levels,unit,min,max,lod,items,direction,label,times,missing
id,id,,,,,,,,,,
arm,factor,TAU;New,,,,,,,,,
visit,factor,pre;post,,,,,,,,,
plate,factor,P1;P2;P3;P4;P5;P6,,,,,,,,,
il6,number,,pg/mL,,,0.7,,,,,0.5
il6_low,flag,,,,,,,,,,0.5
il10,number,,pg/mL,,,0.8,,,,,0.5
fiq,number,,points,,,,,,,,0.5
"""

PATIENTS = 40


def data() -> str:
    """Both visits of forty patients; il6 is 0.35 where it is flagged, one cell empty there."""
    rng = np.random.default_rng(20261126)
    lines = ["id,arm,visit,plate,il6,il6_low,il10,fiq"]
    plates = rng.normal(0, 0.2, 6)
    for patient in range(PATIENTS):
        own, clinical = rng.normal(0, 0.6), rng.normal(50, 8)
        for visit in (0, 1):
            plate = int(rng.integers(6))
            il6 = np.exp(own + plates[plate] + rng.normal(0, 0.5) - 0.2 * visit * (patient % 2))
            il10 = np.exp(0.3 - 0.3 * own + plates[plate] + rng.normal(0, 0.5))
            fiq = clinical - 6 * visit * (patient % 2) + rng.normal(0, 4)
            low = il6 < 0.7
            shown = "" if low and patient == 7 else "0.35" if low else f"{il6:.3f}"
            lines.append(
                f"p{patient:02d},{('TAU', 'New')[patient % 2]},{('pre', 'post')[visit]},"
                f"P{plate + 1},{shown},{str(bool(low)).lower()},{il10:.3f},{fiq:.1f}"
            )
    return "\n".join(lines) + "\n"


def write_markers(
    folder: Path, *, plan: str = PLAN, codebook: str = CODEBOOK, text: str | None = None
) -> Path:
    """Write the study into ``folder``; returns the plan's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    (folder / "suite.json").write_text(SUITE, encoding="utf-8")
    (folder / "codebook.csv").write_text(codebook, encoding="utf-8")
    (folder / "markers.csv").write_text(data() if text is None else text, encoding="utf-8")
    return folder / "plan.yaml"
