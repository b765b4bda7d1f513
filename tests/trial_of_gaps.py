"""A small trial with every kind of gap: rows not there, values not there, rows of nobody."""

from __future__ import annotations

import random
from pathlib import Path

PLAN = """\
version: 1
study: {id: gaps, synthetic: true}
data:
  file: gaps.csv
  codebook: codebook.csv
  id: who
  arm: {column: arm, levels: [TAU, New, Third]}
  time: {column: week, levels: [0, 4, 100000]}
gate:
  suite: suite.json
sets:
  ITT: "true"
  rowwise: "pain > 3"
  completers: {complete: [pain]}
  both: {complete: [pain, 'crp "hs"']}
  mITT: {observed_after_baseline: [pain]}
  mITT PP: {observed_after_baseline: [ln_crp], where: "arm == 'TAU' or sessions >= 6"}
  PP: {where: "sessions >= 6"}
  all: {complete: [pain], observed_after_baseline: ['crp "hs"'], where: "not (sessions < 3)"}
derive:
  ln_crp: 'log(`crp "hs"`)'
flow: {disposition: became, reason: why}
analyses:
  - id: post
    kind: ols
    formula: "{outcome} ~ arm"
    outcomes: [pain]
    sets: [ITT, rowwise, completers, both, mITT, mITT PP, PP, all]
"""

CODEBOOK = '''\
variable,type,levels,unit,min,max,lod,items,direction,label,times,missing
who,id,,,,,,,,Patient,,
arm,factor,TAU;New;Third,,,,,,,Arm,,
week,{week},,,,,,,,Visit,,
sessions,integer,,,0,8,,,,Sessions; only on some rows,,1
became,text,,,,,,,,What became of the patient,,1
why,text,,,,,,,,Why the patient was lost,,1
pain,number,,,,,,,,Pain,,1
"crp ""hs""",number,,,,,,,,C-reactive protein,,1
'''


WEEKS = ("0", "4", "100000")
"""The last is 1e+05 where R writes it as a text."""


def rows() -> list[dict[str, str]]:
    """60 patients in a random order, visits with or without a row, cells filled or empty."""
    chance = random.Random(20261126)
    made = []
    for number in range(60):
        arm = ("TAU", "New", "Third")[number % 3]
        sessions = "" if arm == "TAU" else str(chance.randint(0, 8))
        why = chance.choice(["", "moved", "ill", "moved"])
        for week in WEEKS:
            if chance.random() < 0.2:
                continue
            made.append(
                {
                    "who": f"{number:02d}" if number % 2 else f'p "{number}"',
                    "arm": arm,
                    "week": week,
                    "sessions": sessions if chance.random() < 0.7 else "",
                    "became": ("stayed", "left")[number % 2],
                    "why": why if chance.random() < 0.8 else "",
                    "pain": "" if chance.random() < 0.2 else str(chance.randint(0, 10)),
                    'crp "hs"': chance.choice(["", "0", "1.5", "2.5", "3", "4", "7.25"]),
                }
            )
    chance.shuffle(made)
    made[7]["who"] = made[20]["who"] = ""  # nobody's
    made[11]["week"] = ""
    return made


def write_gaps(folder: Path, *, plan: str = PLAN, week: str = "factor,0;4;100000") -> Path:
    """Write the study; ``week`` is the type and levels of time. Returns the plan's path."""
    folder.mkdir(parents=True, exist_ok=True)
    table = rows()
    lines = [",".join(_cell(name) for name in table[0])]
    lines += [",".join(map(_cell, row.values())) for row in table]
    (folder / "gaps.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    codebook = CODEBOOK.replace("{week},", week)
    (folder / "codebook.csv").write_text(codebook, encoding="utf-8")
    return folder / "plan.yaml"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if '"' in text else text
