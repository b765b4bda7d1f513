"""A study of eight patients on disk, for tests that open one and break one thing in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.errors import PlanError, Problem

PLAN = """\
version: 1
study: {id: small, title: "A small study", synthetic: true}
data:
  file: small.csv
  codebook: codebook.csv
  id: id
  arm: {column: arm, levels: [TAU, New]}
  time: {column: visit, levels: [0, 2]}
gate:
  suite: ../expectations/small.json
  parameters: {consort: {"TAU | 0": 4}}
sets:
  ITT: "true"
  PP: "arm == 'TAU' or sessions >= 6"
derive:
  ln_il6: "log(il6)"
  il6_0: "baseline(ln_il6)"
  gain: "change(bdi)"
analyses:
  - id: efficacy
    kind: lmm
    formula: "{outcome} ~ arm * visit + (1 | id)"
    outcomes: [bdi, ln_il6]
    sets: [ITT, PP]
    reml: true
    df: satterthwaite
    report: [coefficients, random, fit]
  - id: moderation
    kind: moderation
    formula: "{outcome} ~ arm * visit * {moderator} + (1 | id)"
    outcomes: [bdi]
    moderators: [il6_0, "body mass"]
    sets: [ITT]
  - id: change
    kind: ols
    formula: "{outcome} ~ arm + bdi"
    outcomes: [gain]
    sets: [PP]
reference: {engine: lme4, mode: auto, timeout: 120}
"""

CODEBOOK = """\
variable,type,levels,unit,min,max,lod,items,direction,label,times,missing
id,id,,,,,,,,Patient,,
arm,factor,TAU;New,,,,,,,Arm,,
visit,factor,0;2,,,,,,,Visit,,
sessions,integer,,visits,0,8,,,,Sessions attended,,0.5
bdi,integer,,points,0,63,,,higher is worse,Beck Depression Inventory,,0.1
il6,number,,pg/mL,0.05,50,0.1,,,Interleukin-6,0;2,0.1
body mass,number,,kg/m2,10,60,,,,Body mass index,0,
seen,date,,,,,,,,Day of the visit,,
late,flag,,,,,,,,Visit was late,,
note,text,,,,,,,,Remark,,1
"""


def rows() -> list[dict[str, str]]:
    """Two visits of eight patients; nobody in TAU has sessions."""
    made = []
    for patient in range(8):
        arm = "New" if patient % 2 else "TAU"
        for visit in (0, 2):
            made.append(
                {
                    "id": f"p{patient}",
                    "arm": arm,
                    "visit": str(visit),
                    "sessions": "NA" if arm == "TAU" else str(min(8, patient + 2)),
                    "bdi": "" if (patient, visit) == (3, 2) else str(20 + patient - 2 * visit),
                    "il6": f"{1.5 + patient / 4 + visit}",
                    "body mass": f"{22.5 + patient}",
                    "seen": f"2021-0{1 + visit}-1{patient}",
                    "late": "true" if patient == 5 else "false",
                    "note": "moved; asked, again" if (patient, visit) == (6, 2) else "",
                }
            )
    return made


def csv_text(table: list[dict[str, str]], delimiter: str = ",") -> str:
    """Rows as delimited text with a header; cells with the delimiter are quoted."""

    def cell(text: str) -> str:
        return f'"{text}"' if delimiter in text else text

    lines = [delimiter.join(table[0])]
    lines += [delimiter.join(map(cell, row.values())) for row in table]
    return "\n".join(lines) + "\n"


def write_study(
    folder: Path,
    *,
    plan: str = PLAN,
    codebook: str = CODEBOOK,
    data: str | None = None,
) -> Path:
    """Write the study into ``folder``; returns the plan's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    (folder / "codebook.csv").write_text(codebook, encoding="utf-8")
    (folder / "small.csv").write_text(csv_text(rows()) if data is None else data, encoding="utf-8")
    return folder / "plan.yaml"


def changed(text: str, old: str, new: str) -> str:
    """``text`` with its one ``old`` replaced; fails if a test's premise is gone."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)


def line_with(text: str, part: str) -> int:
    """1-based number of the first line that holds the start of ``part``."""
    return text[: text.index(part)].count("\n") + 1


def with_mistake(old: str, new: str) -> str:
    """The plan with the first ``old`` replaced."""
    assert old in PLAN, f"{old!r} does not stand in the plan"
    return PLAN.replace(old, new, 1)


def problems_of(
    open_it: Callable[[Path], object], folder: Path, **files: str
) -> tuple[Problem, ...]:
    """What opening the study written with ``files`` says is wrong with it."""
    path = write_study(folder, **files)
    with pytest.raises(PlanError) as caught:
        open_it(path)
    assert caught.value.exit_code == 2
    return caught.value.problems


def the_problem(found: Sequence[Problem], key: str, message: str) -> Problem:
    """The one problem of ``key`` that says ``message``; shows all of them otherwise."""
    matching = [p for p in found if p.key == key and message in p.message]
    assert len(matching) == 1, "\n".join(map(str, found))
    return matching[0]
