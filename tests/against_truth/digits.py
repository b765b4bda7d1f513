"""How many digits the port and lme4 get right: ``python tests/against_truth/digits.py``.

Prints the table of the port's README, for every model of ``truth/``: digits right, by quantity,
of the port, of lme4 and lmerTest as they come, and of lme4 with its optimiser tightened. With
``--write`` the port's digits go to ``digits.json``, below which no later version may fall.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
PUBLISHED = HERE / "digits.json"
QUANTITIES = ("criterion", "beta", "std_error", "sigma", "theta", "df")
MOST = 16
"""Digits of a double."""

SPARE = 1.0
"""Digits by which the same code differs between processors, and between BLAS libraries."""

LUCK = 15.0
"""More digits than this are the luck of the last bit."""


def read(path: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """A record of the truth, and its data."""
    record = json.loads(path.read_text(encoding="utf-8"))
    frame = pd.DataFrame(record["data"])
    for column, levels in record["levels"].items():
        frame[column] = pd.Categorical(frame[column], categories=levels)
    return record, frame


def records() -> dict[str, tuple[dict[str, Any], pd.DataFrame]]:
    """Every record of the truth, by name."""
    return {path.stem: read(path) for path in sorted((HERE / "truth").glob("*.json"))}


def port_numbers(record: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """What the port says."""
    import harness

    fit = harness.lmer(record["formula"], frame, reml=record["reml"])
    table = fit.table()
    return {
        "criterion": [fit.criterion],
        "beta": table.estimate,
        "std_error": table.std_error,
        "sigma": [fit.sigma],
        "theta": fit.theta,
        "df": table.df,
    }


def digits(found: dict[str, Any], truth: dict[str, Any]) -> dict[str, float]:
    """Digits right of each quantity, the worst of its entries.

    The error is relative to the true number; that of a coefficient to its standard error; that of
    theta to the largest theta, because a small one beside it matters as little.
    """
    right = {}
    for name in QUANTITIES:
        true = np.atleast_1d(np.array(truth[name], dtype=np.float64))
        scale = np.abs(true)
        if name == "beta":
            scale = np.array(truth["std_error"], dtype=np.float64)
        if name == "theta":
            scale = np.full(len(true), np.abs(true).max())
        off = np.abs(np.atleast_1d(np.asarray(found[name], dtype=np.float64)) - true) / scale
        worst = float(off.max())
        right[name] = MOST if worst <= 10.0**-MOST else max(0.0, -math.log10(worst))
    return right


def r_numbers(
    cases: dict[str, tuple[dict[str, Any], pd.DataFrame]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """What lme4 and lmerTest say, as they come and tightened, by case."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for name, (record, frame) in cases.items():
            numbers = frame.select_dtypes("number").columns
            spelt = frame.assign(**{c: [f"{v:.17g}" for v in frame[c]] for c in numbers})
            spelt.to_csv(Path(folder) / f"{name}.csv", index=False)
            jobs.append(
                {
                    "name": name,
                    "formula": record["formula"],
                    "reml": record["reml"],
                    "levels": record["levels"],
                }
            )
        (Path(folder) / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
        said = subprocess.run(
            ["Rscript", "--vanilla", str(HERE / "digits.R"), folder],
            capture_output=True,
            text=True,
            check=True,
        )
    answers: dict[str, dict[str, dict[str, Any]]] = json.loads(said.stdout)
    return answers


def table() -> tuple[str, dict[str, dict[str, float]]]:
    """The table in Markdown, and the port's digits by case and quantity."""
    cases = records()
    r = r_numbers(cases)
    lines = [
        "| model | " + " | ".join(name.replace("std_error", "SE") for name in QUANTITIES) + " |",
        "|---" * (len(QUANTITIES) + 1) + "|",
    ]
    ours = {}
    for name, (record, frame) in cases.items():
        truth = record["truth"]
        ours[name] = digits(port_numbers(record, frame), truth)
        columns = [ours[name], *(digits(r[name][way], truth) for way in ("default", "tight"))]
        cells = [" / ".join(f"{part[q]:.0f}" for part in columns) for q in QUANTITIES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines), ours


def main(words: list[str]) -> None:
    """Print the table; with ``--write`` publish the port's digits."""
    text, ours = table()
    print(text)
    if "--write" in words:
        floor = {
            name: {q: math.floor(min(value, LUCK) - SPARE) for q, value in found.items()}
            for name, found in ours.items()
        }
        PUBLISHED.write_text(json.dumps(floor, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for folder in (HERE.parents[1], HERE):
        sys.path.insert(0, str(folder))
    main(sys.argv[1:])
