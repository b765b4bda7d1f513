"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The study's plan.yaml.")]
OutFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where to write; default out/<study id>."),
]
Jobs = Annotated[
    int, typer.Option("--jobs", min=1, help="Number of processes, of R and of Python.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stdout but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class DfChoice(StrEnum):
    """Denominator degrees of freedom of the coefficient tests."""

    SATTERTHWAITE = "satterthwaite"
    KENWARD_ROGER = "kenward-roger"
    RESIDUAL = "residual"
    Z = "z"


class ReferenceChoice(StrEnum):
    """Where reference numbers come from."""

    AUTO = "auto"
    LIVE = "live"
    RECORDED = "recorded"
