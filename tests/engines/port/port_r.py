"""Models handed to an R script beside the tests, and its answers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Models = dict[str, tuple[pd.DataFrame, dict[str, Any]]]


def factors_of(frame: pd.DataFrame) -> dict[str, list[str]]:
    """The levels of each categorical column, in order."""
    return {
        column: [str(level) for level in frame[column].cat.categories]
        for column in frame
        if isinstance(frame[column].dtype, pd.CategoricalDtype)
    }


def ask_r(script: Path, folder: Path, models: Models) -> dict[str, Any]:
    """Run an R script on models, each a frame and what the script is told of it.

    Every number goes to R with 17 digits; the script prints one JSON object by model.
    """
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not on the PATH")
    told = {}
    for name, (frame, facts) in models.items():
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
        told[name] = {"file": f"{name}.csv", "factors": factors_of(frame), **facts}
    (folder / "models.json").write_text(json.dumps(told), encoding="utf-8")
    said = subprocess.run(
        ["Rscript", "--vanilla", str(script), str(folder)], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    answers: dict[str, Any] = json.loads(said.stdout)
    return answers
