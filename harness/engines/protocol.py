"""What it takes to be an engine."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import pandas as pd

from harness.models.record import Estimates
from harness.models.spec import ModelSpec


@runtime_checkable
class Engine(Protocol):
    """Anything with a name that turns a specification and a frame into estimates.

    The frame holds at least the formula's columns: floats for numbers, ``Categorical`` for
    factors with levels in coding order. It may have missing values and unused levels; the
    engine omits incomplete rows and unused levels itself, as ``lmer`` and ``lm`` do, so that
    two engines check each other there too.
    """

    @property
    def name(self) -> str:
        """What the engine is called in tables and on the command line."""
        ...

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """Fit one model; a model or data it cannot do is a ``HarnessError``."""
        ...
