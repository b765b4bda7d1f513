"""Refits and profile intervals beside lme4.

A thousand parametric-bootstrap refits are held against a fresh ``lmer`` each (``bootMer`` of lme4
1.1-31 is wrong for REML fits, and no faster); profile intervals against ``confint``.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from row import Row
from timing import r_seconds, usual
from workloads import SLOPES, TRIAL, classic, two_wave

import harness

REFITS = 1000

PROFILE = """
suppressMessages(library(lme4))
asked <- commandArgs(TRUE)
data <- read.csv(asked[1], stringsAsFactors = TRUE)
data[[asked[3]]] <- factor(data[[asked[3]]])
fit <- lmer(as.formula(asked[2]), data)
run <- function() suppressMessages(suppressWarnings(confint(fit, method = "profile", quiet = TRUE)))
seconds <- vapply(1:3, function(k) system.time(run())[["elapsed"]], 0)
cat(jsonlite::toJSON(median(seconds), digits = NA, auto_unbox = TRUE))
"""


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows whose names are wanted."""
    for name, frame, formula, factor, ratio in (
        ("1,000 refits: trial 70 x 2", two_wave(), TRIAL, "id", 250.0),
        (
            "1,000 refits: sleepstudy, slopes",
            classic("sleepstudy", "Subject"),
            SLOPES,
            "Subject",
            50.0,
        ),
    ):
        if wanted(name):
            fit = harness.lmer(formula, frame)
            port = usual(lambda fit=fit: fit.bootstrap(REFITS, seed=1))
            r = REFITS * r_seconds(frame, formula, (factor,), "fit", 15)
            yield Row(name, len(frame), port, r, "lme4", ratio)
    for name, frame, formula, factor, ratio in (
        ("profile: sleepstudy, slopes", classic("sleepstudy", "Subject"), SLOPES, "Subject", 50.0),
        ("profile: trial 70 x 2", two_wave(), TRIAL, "id", 50.0),
    ):
        if wanted(name):
            fit = harness.lmer(formula, frame)
            port = usual(lambda fit=fit: fit.confint("profile"))
            yield Row(
                name, len(frame), port, confint_seconds(frame, formula, factor), "lme4", ratio
            )


def confint_seconds(frame: pd.DataFrame, formula: str, factor: str) -> float:
    """Median time of lme4's profile intervals of a fit made before."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        frame.to_csv(path, index=False)
        said = subprocess.run(
            ["Rscript", "--vanilla", "-e", PROFILE, str(path), formula, factor],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(json.loads(said.stdout))
