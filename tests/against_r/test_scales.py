"""The columns that ``reproduce.R`` makes of an outcome are those that both engines were given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.models.scale import Scaled, with_scale
from harness.report.reproduce_scales import scaled_in_r


def test_rs_columns_are_the_harness_s(rscript: Callable[..., str], tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(
        {"the y": np.round(rng.lognormal(1.0, 1.0, 90), 1) + 0.1, "visit": list("abc") * 30}
    )
    frame.loc[[3, 50], "the y"] = np.nan
    frame.to_csv(tmp_path / "rows.csv", index=False)
    scales = [
        Scaled("log", "the y"),
        Scaled("rank", "the y"),
        Scaled("winsor", "the y", "visit", 0.05),
        Scaled("winsor", "the y", "visit", 0.13),
    ]
    script = [f'rows <- read.csv("{tmp_path}/rows.csv", check.names = FALSE)']
    for scaled in scales:
        script.append(scaled_in_r(scaled, "rows"))
        script.append(f'cat(jsonlite::toJSON(rows[["{scaled.column}"]], digits = NA), "\\n")')
    told = rscript("\n".join(script)).splitlines()
    for scaled, line in zip(scales, told, strict=True):
        theirs = np.array([NAN if v in (None, "NA") else v for v in json.loads(line)], dtype=float)
        ours = with_scale(frame, scaled)[scaled.column].to_numpy()
        assert ours == pytest.approx(theirs, rel=1e-14, nan_ok=True)
        assert np.isnan(ours).sum() == 2


NAN = float("nan")
