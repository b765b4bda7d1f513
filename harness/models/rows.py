"""The rows a model of a plan is fitted to: those of its analysis set, at its visits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.data.levels import at_levels
from harness.models.scale import with_scale

if TYPE_CHECKING:
    import pandas as pd

    from harness.models.spec import ModelTask
    from harness.sets.analysis_set import AnalysisSet


def rows_of(
    task: ModelTask, sets: Mapping[str, AnalysisSet], frame: pd.DataFrame, name: str = ""
) -> pd.DataFrame:
    """The rows of a model, with its outcome's scale over its whole set.

    Args:
        task: the model.
        sets: the analysis sets by name.
        frame: the data with scores and derived columns.
        name: of another set than the model's own.
    """
    rows = with_scale(frame.loc[sets[name or task.key.set].mask], task.scaled)
    if task.at is None:
        return rows
    return rows.loc[at_levels(rows[task.at.column], task.at.levels)]
