"""What someone may have done to a reference instead of answering the question asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from harness.engines.protocol import Engine
from harness.engines.reference import References
from harness.engines.tally import Tally
from harness.models.record import Estimates
from harness.models.spec import ModelSpec, ModelTask

Tamper = Callable[[ModelSpec, pd.DataFrame], tuple[ModelSpec, pd.DataFrame]]


@dataclass(frozen=True)
class Tampered:
    """A reference that answers something else and labels it as what was asked."""

    engine: Engine
    tamper: Tamper
    source: str = "live"
    tally: Tally = field(default_factory=Tally)

    def answer(
        self, task: ModelTask, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        found = self.engine.fit(*self.tamper(task.spec, frame))
        return replace(found, formula=task.spec.formula.text, df_method=task.spec.df_method)

    def close(self) -> None:
        """Nothing is held open."""


def opened(engine: Engine, tamper: Tamper) -> Callable[..., Any]:
    """In place of ``open_references``."""

    @contextmanager
    def open_references(*_: Any, **__: Any) -> Iterator[References]:
        yield References((Tampered(engine, tamper),), "tampered with")

    return open_references


def by_ml(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, pd.DataFrame]:
    return replace(spec, reml=not spec.reml), frame


def with_z(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, pd.DataFrame]:
    return replace(spec, df_method="z"), frame


def releveled(column: str) -> Tamper:
    def tamper(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, pd.DataFrame]:
        levels = list(frame[column].cat.categories)
        factor = frame[column].cat.reorder_categories([levels[-1], *levels[:-1]])
        return spec, frame.assign(**{column: factor})

    return tamper


def sum_coded(column: str) -> Tamper:
    def tamper(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, pd.DataFrame]:
        return replace(spec, contrasts=((column, "sum"),)), frame

    return tamper


def without_patient(column: str, place: int) -> Tamper:
    """The patient of that place among those who count, so that the model really changes."""

    def tamper(spec: ModelSpec, frame: pd.DataFrame) -> tuple[ModelSpec, pd.DataFrame]:
        whole = frame.dropna(subset=[name for name in spec.columns if name in frame])
        patient = list(dict.fromkeys(whole[column]))[place]
        return spec, frame[frame[column] != patient]

    return tamper
