"""What was asked of both engines, with all that a wrong answer may have been made from instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from harness.models.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Asked:
    """One model with its rows.

    Attributes:
        spec: the model.
        frame: the rows of its analysis set.
        id: column that names the patient; empty if unknown.
        time: column of the visit, in an order that the data have; empty if unknown.
        sets: rows of the study's other analysis sets, by name.
    """

    spec: ModelSpec
    frame: pd.DataFrame
    id: str = ""
    time: str = ""
    sets: Mapping[str, pd.DataFrame] = field(default_factory=dict)
