"""Whole runs with means, contrasts, tests of terms and effect sizes: live, recorded, in plain R."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Run, StudyCopy
from .test_run import rows_of

Copy = Callable[[str], StudyCopy]

REPORT = "report: [coefficients, random, fit]"
EVERYTHING = "report: [coefficients, random, fit, emmeans, contrasts, anova, effect_size]"
NUMBERS = {
    "emmeans": ("emmean", "std_error", "df", "", "", "conf_low", "conf_high"),
    "contrasts": (
        *("contrast", "std_error", "df", "statistic"),
        *("p_value", "conf_low", "conf_high"),
    ),
    "anova": ("num_df", "den_df", "f_value", "p_value"),
    "effect sizes": ("d", "d_low", "d_high"),
}
CONTRAST = re.compile(r"^\S+ - \S+( \| \S+)?$|^\(.*\) x \(.*\)$")


def asked(study: Copy, **changes: str) -> StudyCopy:
    """Beat the Blues with everything reported."""
    btheb = study("btheb")
    text = btheb.plan.read_text(encoding="utf-8")
    for old in (REPORT, EVERYTHING):
        text = text.replace(old, EVERYTHING)
    btheb.plan.write_text(text, encoding="utf-8")
    for old, new in changes.items():
        btheb.edit(btheb.plan, old, new, count=2)
    return btheb


def printed_by_r(out: Path) -> dict[tuple[str, str, str], float]:
    """Model, term and quantity of every number besides the fits that ``reproduce.R`` prints."""
    told = subprocess.run(
        ["Rscript", "reproduce.R"], cwd=out, capture_output=True, text=True, check=True
    )
    found: dict[tuple[str, str, str], float] = {}
    model, section = "", ""
    for line in told.stdout.splitlines():
        if line.startswith("== "):
            model, section = line[3:].strip(), ""
        elif line.startswith("-- "):
            section = next(name for name in NUMBERS if line[3:].startswith(name))
        elif section and line.strip():
            quantities = NUMBERS[section]
            term, *cells = line.strip().rsplit(maxsplit=len(quantities))
            if len(cells) == len(quantities) and _is_number(cells[0]):
                for quantity, cell in zip(quantities, cells, strict=True):
                    if quantity:
                        found[model, term, quantity] = float(cell)
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def besides_in_table(out: Path) -> dict[tuple[str, str, str], float]:
    """R's numbers of the diff table that are not of a fit itself."""
    return {
        (" / ".join((row["analysis"], row["set"], row["outcome"])), row["term"], row["quantity"]): (
            float(row["r"])
        )
        for row in rows_of(out)
        if row["tier"] == "T2"
        and (
            re.match(r"treatment=|anova\(", row["term"])
            or (row["term"] and CONTRAST.match(row["term"]))
        )
    }


def hold_reproduce_r(out: Path) -> int:
    """Hold what the script a run left prints against the run's reference numbers."""
    wanted, printed = besides_in_table(out), printed_by_r(out)
    assert printed.keys() == wanted.keys()
    for key, number in printed.items():
        limit = 2e-4 if key[2] in ("df", "den_df", "p_value") else 5e-6
        assert number == pytest.approx(wanted[key], rel=limit, abs=2e-6), key
    return len(wanted)


@pytest.mark.live_r
@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger", "residual", "z"])
def test_every_number_matches_and_plain_r_gives_it(
    harness: Run, study: Copy, tmp_path: Path, df: str
) -> None:
    btheb = asked(study, **{"df: satterthwaite": f"df: {df}"})
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    rows = rows_of(out)
    assert {row["verdict"] for row in rows} == {"match"}
    counts = Counter(row["quantity"] for row in rows if row["tier"] == "T2")
    assert counts["emmean"] == 2 * 10 + 2 * 2
    assert counts["contrast"] == counts["d"] == counts["d_low"] == 2 * 9 + 2 * 1
    assert counts["f_value"] == counts["num_df"] == 4 * 3
    # emmeans 5, contrasts 7, effect sizes 3, tests 4 numbers a row.
    assert hold_reproduce_r(out) == 5 * 24 + (7 + 3) * 20 + 4 * 12
    assert "d = contrast / SD" in told.out


@pytest.mark.live_r
def test_what_was_recorded_is_replayed_without_r(harness: Run, study: Copy, tmp_path: Path) -> None:
    btheb = asked(study)
    assert harness("record", btheb.plan).code == 0
    assert harness("record", btheb.plan, "--check").code == 0
    live, replayed = tmp_path / "live", tmp_path / "replayed"
    assert harness("run", btheb.plan, "--out", live, "--reference", "live").code == 0
    told = harness("run", btheb.plan, "--out", replayed, "--reference", "recorded")
    assert told.code == 0, told.out + told.err
    ours, theirs = (
        [{k: v for k, v in row.items() if k != "note"} for row in rows_of(out)]
        for out in (live, replayed)
    )
    assert len(ours) > 600
    assert ours == theirs
    # Another weighting is another question: its record does not exist.
    btheb.edit(btheb.plan, "kind: lmm", "kind: lmm\n    means: {weights: cells}")
    told = harness("run", btheb.plan, "--out", replayed, "--reference", "recorded")
    assert told.code == 4
    assert "its besides is" in told.out


@pytest.mark.live_r
def test_the_unit_is_the_plans(harness: Run, study: Copy, tmp_path: Path) -> None:
    btheb = asked(study)
    btheb.edit(btheb.plan, "analyses:\n", 'derive: {bdi_0: "baseline(bdi)"}\nanalyses:\n')
    unit = '    effect_size: {sd: baseline, column: "{outcome}_0"}\n'
    btheb.edit(btheb.plan, "    kind: lmm\n", f"    kind: lmm\n{unit}")
    second = "  - id: trend\n    kind: lmm\n"
    btheb.edit(btheb.plan, second, f"{second}    effect_size: {{sd: given, value: 10}}\n")
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    assert "the standard deviation of bdi_0 within treatment, pooled by n - 1" in told.out
    given = "the number the plan gives: 10.0000 in trend/ITT/bdi, 10.0000 in trend/completers/bdi"
    assert given in told.out
    hold_reproduce_r(out)
    values = besides_in_table(out)
    key = ("trend / ITT / bdi", "BtheB - TAU")
    assert values[*key, "d"] == pytest.approx(values[*key, "contrast"] / 10)
    models = json.loads((out / "estimates.json").read_text(encoding="utf-8"))["models"]
    sds = {
        row["sd"]
        for model in models
        if (model["analysis"], model["set"]) == ("visits", "ITT")
        for row in model["answer"]["effect_sizes"]
    }
    assert len({round(sd, 9) for sd in sds}) == 1
    assert math.isfinite(sds.pop())


def test_a_mistake_is_one_line_with_its_place(harness: Run, study: Copy, tmp_path: Path) -> None:
    btheb = asked(study)
    btheb.edit(btheb.plan, '"{outcome} ~ treatment * month + (1', '"{outcome} ~ drug + (1')
    told = harness("run", btheb.plan, "--out", tmp_path / "out", "--reference", "recorded")
    assert told.code == 2
    lines = [line for line in told.err.splitlines() if "emmeans" in line]
    assert len(lines) == 1
    assert "report[3]: emmeans needs `treatment` or `month` among the fixed effects" in lines[0]


@pytest.mark.live_r
def test_plain_r_gives_them_of_other_forms(harness: Run, study: Copy, tmp_path: Path) -> None:
    """Arms within visits, a centred number, weights, an offset, codings, other factors beside."""
    btheb = asked(study)
    btheb.edit(btheb.plan, "analyses:\n", 'derive: {w: "1 / (1 + months)"}\nanalyses:\n')
    first = '"{outcome} ~ treatment * month + (1 | subject)"'
    second = '"{outcome} ~ treatment * months + (months | subject)"'
    more = "    weights: w\n    offset: months\n    means: {weights: cells}\n"
    btheb.edit(
        btheb.plan, first, '"{outcome} ~ month + treatment:month + drug + (1 | subject)"\n' + more
    )
    btheb.edit(
        btheb.plan,
        second,
        '"{outcome} ~ treatment * center(months) + length + drug + (1 | subject)"\n'
        "    contrasts: {treatment: sum, drug: helmert}\n    means: {weights: outer}",
    )
    out = tmp_path / "out"
    told = harness("run", btheb.plan, "--out", out, "--reference", "live")
    assert told.code == 0, told.out + told.err
    assert hold_reproduce_r(out) == 5 * 24 + (7 + 3) * 20 + 4 * (2 * 3 + 2 * 5)
