"""Where reference numbers come from: live R, recorded answers, or whichever there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import pandas as pd

from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.recorded import RecordedEngine
from harness.errors import HarnessError, ReferenceUnavailable
from harness.models.record import Estimates
from harness.models.spec import ModelTask

ReferenceMode = Literal["auto", "live", "recorded"]


class Reference(Protocol):
    """Something that gives the reference answer to one model of a study."""

    @property
    def source(self) -> str:
        """``live`` or ``recorded``."""
        ...

    def answer(self, task: ModelTask, frame: pd.DataFrame) -> Estimates:
        """The reference estimates of one model on one set's rows."""
        ...

    def close(self) -> None:
        """Let go of what is held open."""
        ...


@dataclass(frozen=True, slots=True)
class LiveReference:
    """Fits in an R process of its own."""

    engine: RLiveEngine
    source: str = "live"

    def answer(self, task: ModelTask, frame: pd.DataFrame) -> Estimates:
        """Fit the model in R."""
        return self.engine.fit(task.spec, frame)

    def criterion_at(self, task: ModelTask, frame: pd.DataFrame, theta: Sequence[float]) -> float:
        """R's criterion of a model at another theta than its own."""
        return self.engine.criterion_at(task.spec, frame, theta)

    def close(self) -> None:
        """End the R process."""
        self.engine.close()


@dataclass(frozen=True, slots=True)
class RecordedReference:
    """Replays what R answered when the records were made; each record verifies itself."""

    engine: RecordedEngine
    source: str = "recorded"

    def answer(self, task: ModelTask, frame: pd.DataFrame) -> Estimates:
        """Look the model up by its key and check that the record belongs to these data."""
        return self.engine.answer(task.key, task.spec, frame)

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True, slots=True)
class References:
    """The reference engines of one run.

    Attributes:
        engines: one for each worker; all of one source.
        source: one line for the reader: where the numbers come from, and why.
    """

    engines: tuple[Reference, ...]
    source: str


@contextmanager
def open_references(
    mode: ReferenceMode, *, records: Path, timeout: float, jobs: int = 1
) -> Iterator[References]:
    """Open the reference engines a mode asks for, and close them afterwards.

    Args:
        mode: ``live`` needs R, ``recorded`` never starts it, ``auto`` takes R when it starts.
        records: folder of the study's recorded references.
        timeout: seconds one fit in R may take.
        jobs: number of R processes.

    Raises:
        ReferenceUnavailable: ``live`` was asked for and R does not start.
    """
    if mode not in get_args(ReferenceMode):
        raise HarnessError(
            f"no reference is called {mode!r}; there are {', '.join(get_args(ReferenceMode))}"
        )
    recorded = References(
        (RecordedReference(RecordedEngine(records, PortEngine().criterion_at)),),
        f"recorded references in {records}",
    )
    if mode == "recorded":
        yield recorded
        return
    engines = tuple(LiveReference(RLiveEngine(timeout=timeout)) for _ in range(max(1, jobs)))
    try:
        try:
            version = engines[0].engine.start()
        except ReferenceUnavailable as missing:
            if mode == "live":
                raise
            yield References(recorded.engines, f"{recorded.source}, because {missing}")
            return
        yield References(engines, f"live {version}")
    finally:
        for engine in engines:
            engine.close()
