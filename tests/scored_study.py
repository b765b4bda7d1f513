"""A small study with a questionnaire: four patients, two visits, PSS-10 as answered."""

from __future__ import annotations

from pathlib import Path

PLAN = """\
version: 1
study: {id: stress, synthetic: true}
data:
  file: stress.csv
  codebook: codebook.csv
  id: id
  arm: {column: arm, levels: [TAU, New]}
  time: {column: visit, levels: [pre, post]}
gate:
  suite: suite.json
sets:
  ITT: "true"
scores:
  pss: {instrument: PSS-10, items: {prefix: q, width: 2}}
derive:
  stress_0: "baseline(pss_total)"
analyses:
  - id: efficacy
    kind: lmm
    formula: "{outcome} ~ arm * visit + (1 | id)"
    outcomes: [pss_total]
    sets: [ITT]
"""

SUITE = """\
{"name": "stress", "meta": {"key": ["id", "visit"]}, "expectations": [
  {"type": "expect_compound_columns_to_be_unique", "severity": "critical",
   "notes": "One row a patient and visit.", "meta": {"rule": "KEY-01"},
   "kwargs": {"column_list": ["id", "visit"]}}]}
"""

HEAD = "variable,type,levels,unit,min,max,lod,items,direction,label,times,missing\n"
DESIGN = "id,id,,,,,,,,,,\narm,factor,TAU;New,,,,,,,,,\nvisit,factor,pre;post,,,,,,,,,\n"
ITEMS = [f"q{k:02d}" for k in range(1, 11)]
CODEBOOK = HEAD + DESIGN + "".join(f"{item},integer,,,0,4,,,,,,0.5\n" for item in ITEMS)
STORED = "pss_total,integer,,,0,40,,,higher is worse,,,0.5\n"

# Answers in the questionnaire's order; the totals below reverse items 4, 5, 7 and 8 by hand.
ANSWERS = [
    "0 1 2 3 4 0 1 2 3 4",
    "4 4 4 0 0 4 0 0 4 4",
    "0 0 0 4 4 0 4 4 0 0",
    "2 2 2 2 2 2 2 2 2 2",
    "1 0 0 4 4 0 4 4 0 0",
    "1 1 0 4 4 0 4 4 0 0",
    "3 3 3 1 1 3 1 1 3 3",
    "3 3 3 1 1 3 1 1 3 2",
]
TOTALS = [16, 40, 0, 20, 1, 2, 30, 29]


def data(stored: list[str] | None = None, answers: list[str] | None = None) -> str:
    """The data file, with a column of stored totals if one is given."""
    lines = [",".join(["id", "arm", "visit", *ITEMS, *(["pss_total"] if stored else [])])]
    for row, given in enumerate(answers or ANSWERS):
        cells = [f"p{row // 2}", "New" if row // 2 % 2 else "TAU", ("pre", "post")[row % 2]]
        cells += ["" if one == "." else one for one in given.split()]
        lines.append(",".join(cells + ([stored[row]] if stored else [])))
    return "\n".join(lines) + "\n"


def write_scored(
    folder: Path,
    *,
    plan: str = PLAN,
    codebook: str = CODEBOOK,
    text: str | None = None,
) -> Path:
    """Write the study into ``folder``; returns the plan's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    (folder / "suite.json").write_text(SUITE, encoding="utf-8")
    (folder / "codebook.csv").write_text(codebook, encoding="utf-8")
    (folder / "stress.csv").write_text(data() if text is None else text, encoding="utf-8")
    return folder / "plan.yaml"
