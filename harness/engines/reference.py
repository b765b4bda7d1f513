"""Where reference numbers come from: live R, recorded answers, or whichever there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import pandas as pd

from harness.engines.port.engine import PortEngine
from harness.engines.r.adjusted import AdjustedByR, PValues, ask_adjusted, find_adjusted
from harness.engines.r.cache import ReferenceCache, cache_folder
from harness.engines.r.engine import RLiveEngine, version_line
from harness.engines.r.record import ADJUSTED
from harness.engines.r.recorded import RecordedEngine
from harness.engines.tally import Tally
from harness.errors import HarnessError, ReferenceUnavailable
from harness.models.record import Estimates
from harness.models.spec import ModelSpec, ModelTask

ReferenceMode = Literal["auto", "live", "recorded"]


class Reference(Protocol):
    """Something that gives the reference answer to one model of a study."""

    @property
    def source(self) -> str:
        """``live`` or ``recorded``."""
        ...

    @property
    def tally(self) -> Tally:
        """How its answers until now came about."""
        ...

    def answer(
        self, task: ModelTask, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        """The reference estimates of one model on one set's rows.

        Args:
            task: the model.
            frame: the rows.
            also_at: thetas at which R is asked besides, where it is asked at all.
        """
        ...

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """The reference estimates of a model that is in no plan."""
        ...

    def adjust(self, asked: PValues) -> AdjustedByR:
        """The reference's adjustment of a family's p values.

        Raises:
            PartNotRun: R is missing, or what was recorded is not about these p values.
        """
        ...

    def close(self) -> None:
        """Let go of what is held open."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A reference with answers at hand, which it gives without asking anybody."""

    def known(self, task: ModelTask, frame: pd.DataFrame) -> Estimates | None:
        """The answer at hand, if it can be believed; nothing is counted.

        Raises:
            HarnessError: there is none, and ``answer`` will say so.
        """
        ...

    def count_known(self, models: int) -> None:
        """Count answers that ``known`` gave, in this process or another."""
        ...


@dataclass(frozen=True, slots=True)
class LiveReference:
    """Fits in an R process of its own, unless this very R has answered before.

    Attributes:
        engine: R; it starts with the first model that is not in the cache.
        cache: its earlier answers; None to have everything fitted.
    """

    engine: RLiveEngine
    cache: ReferenceCache | None = None
    source: str = "live"
    tally: Tally = field(default_factory=Tally)

    def answer(
        self, task: ModelTask, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        """What R answers to a model, or has answered to it on these very data."""
        return self._ask(task.spec, frame, task.key.slug, also_at)

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """The same for a model that is in no plan."""
        return self._ask(spec, frame, spec.formula.text)

    def known(self, task: ModelTask, frame: pd.DataFrame) -> Estimates | None:
        """What R has answered before, where that can be believed; R is not asked, nothing counted.

        Raises:
            DataError: a column that cannot be sent to R.
        """
        return self.cache.peek(task.spec, frame) if self.cache else None

    def count_known(self, models: int) -> None:
        """Count answers that ``known`` gave, in this process or another."""
        self.tally.cached += models
        self.tally.models += models

    def _ask(
        self,
        spec: ModelSpec,
        frame: pd.DataFrame,
        what: str,
        also_at: Sequence[Sequence[float]] = (),
    ) -> Estimates:
        kept = self.cache.get(spec, frame) if self.cache else None
        if kept is not None:
            self.tally.cached += 1
            self.tally.models += 1
            return kept
        before = len(self.engine.retries)
        try:
            answer = self.engine.fit(spec, frame, also_at)
        except ReferenceUnavailable:
            if self.cache and not self.engine.versions:
                self.cache.forget()  # it does not even start
            raise
        self.tally.models += 1
        again = self.engine.retries[before:]
        self.tally.retried += tuple(f"{what}: {how}" for how in again)
        if self.cache and not again:
            self.cache.put(spec, frame, answer)
        return answer

    def adjust(self, asked: PValues) -> AdjustedByR:
        """What R answers about a family, or has answered to the very same p values."""
        kept = self.cache.get_adjusted(asked) if self.cache else None
        if kept is not None:
            return kept
        try:
            answer = ask_adjusted(self.engine, asked)
        except ReferenceUnavailable:
            if self.cache and not self.engine.versions:
                self.cache.forget()  # it does not even start
            raise
        if self.cache:
            self.cache.put_adjusted(answer)
        return answer

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
    tally: Tally = field(default_factory=Tally)

    def answer(
        self, task: ModelTask, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        """Look the model up by its key and check that the record belongs to these data.

        The record says at which thetas R was asked; these stand in its ``elsewhere``.
        """
        answer = self.engine.answer(task.key, task.spec, frame)
        self.tally.models += 1
        return answer

    def known(self, task: ModelTask, frame: pd.DataFrame) -> Estimates:
        """What ``answer`` gives; nothing is counted."""
        return self.engine.answer(task.key, task.spec, frame)

    def count_known(self, models: int) -> None:
        """Count answers that ``known`` gave, in this process or another."""
        self.tally.models += models

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """Look the model up by itself and its data, whichever key it was recorded for."""
        answer = self.engine.fit(spec, frame)
        self.tally.models += 1
        return answer

    def adjust(self, asked: PValues) -> AdjustedByR:
        """Look the family up; its p values must be those of the models' records."""
        return find_adjusted(self.engine.folder / ADJUSTED, asked)

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True, slots=True)
class References:
    """The reference engines of one run.

    Attributes:
        engines: one for each worker; all of one source.
        origin: where the numbers come from, and why, in words.
        without_r: why R is not asked, in words; empty where it is.
        cache: the answers kept on this machine, where they are used.
    """

    engines: tuple[Reference, ...]
    origin: str
    without_r: str = ""
    cache: ReferenceCache | None = None

    @property
    def tally(self) -> Tally:
        """How the answers given until now came about."""
        notes = self.cache.notes if self.cache else ()
        return sum((engine.tally for engine in self.engines), Tally(notes=notes))

    @property
    def source(self) -> str:
        """One line for the reader: where the numbers given until now come from, and why."""
        return f"{self.origin}{self.tally.said}"


@contextmanager
def open_references(
    mode: ReferenceMode, *, records: Path, timeout: float, jobs: int = 1, cached: bool = False
) -> Iterator[References]:
    """Open the reference engines a mode asks for, and close them afterwards.

    Args:
        mode: ``live`` needs R, ``recorded`` never starts it, ``auto`` takes R when it starts.
        records: folder of the study's recorded references.
        timeout: seconds one fit in R may take.
        jobs: number of R processes.
        cached: replay what this very R has answered before, and keep what it answers now. R then
            starts only for a model it has not seen, and not at all where there is none.

    Raises:
        ReferenceUnavailable: ``live`` was asked for and R does not start.
    """
    if mode not in get_args(ReferenceMode):
        raise HarnessError(
            f"no reference is called {mode!r}; there are {', '.join(get_args(ReferenceMode))}"
        )
    criterion_at = PortEngine().criterion_at
    recorded = References(
        (RecordedReference(RecordedEngine(records, criterion_at)),),
        f"recorded references in {records}",
        without_r="only records are asked for",
    )
    if mode == "recorded":
        yield recorded
        return
    folder = cache_folder() if cached else None
    cache = ReferenceCache(folder, criterion_at) if folder else None
    engines = tuple(LiveReference(RLiveEngine(timeout=timeout), cache) for _ in range(max(1, jobs)))
    try:
        try:
            version = _known_or_started(cache, engines[0].engine)
        except ReferenceUnavailable as missing:
            if mode == "live":
                raise
            told = f"{recorded.origin}, because {missing}"
            yield References(recorded.engines, told, f"R is not available: {missing}")
            return
        yield References(engines, f"live {version}", cache=cache)
    finally:
        for engine in engines:
            engine.close()
        if cache:
            cache.close()


def _known_or_started(cache: ReferenceCache | None, engine: RLiveEngine) -> str:
    """Which R there is: the one that is known and has not changed, or one started to tell."""
    if cache and cache.recognise() and cache.installation:
        return version_line(cache.installation.versions)
    started = engine.start()
    if cache:
        cache.learn(engine.parts, engine.versions)
    return started
