"""Reads the fixtures without the harness: these tests judge the files, not our reader of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
STUDIES = ("btheb", "mbsr", "mbsr_null", "eudaimon3")
MISSING = ("", "NA")


@dataclass(frozen=True)
class StudyFiles:
    """A study's files: cells as text, and the numeric columns of the codebook as numbers."""

    name: str
    folder: Path
    plan: dict[str, Any]
    codebook: pd.DataFrame
    text: pd.DataFrame
    frame: pd.DataFrame


def read_text(path: Path) -> pd.DataFrame:
    """Every cell as the text in the file."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[], encoding="utf-8")


def _typed(cells: pd.Series, kind: str) -> pd.Series:
    if kind in ("integer", "number"):
        return cells.astype(float)
    if kind == "flag":
        return cells.map({"true": 1.0, "false": 0.0})
    if kind == "date":
        return pd.to_datetime(cells, format="%Y-%m-%d")
    return cells


def read_study(name: str) -> StudyFiles:
    """Open a study folder; flags become 0/1, missing cells NaN."""
    folder = FIXTURES / name
    plan = yaml.safe_load((folder / "plan.yaml").read_text(encoding="utf-8"))
    codebook = read_text(folder / "codebook.csv").set_index("variable", drop=False)
    text = read_text(folder / f"{name}.csv")
    given = text.mask(text.isin(MISSING))
    columns = {name: _typed(given[name], kind) for name, kind in codebook["type"].items()}
    frame = pd.DataFrame(columns)
    return StudyFiles(name, folder, plan, codebook, text, frame)
