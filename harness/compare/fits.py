"""Both engines' answers to every model of a plan, ready to be compared."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from harness.compare.cross import BothAt, CrossCheck
from harness.compare.metrics import larger_magnitude
from harness.compare.policy import default_policy
from harness.engines.reference import Reference
from harness.errors import HarnessError, ModelError, PartNotRun
from harness.models.record import Answer, Estimates, NotComputed
from harness.models.rows import rows_of
from harness.models.spec import ModelSpec, ModelTask
from harness.sets.analysis_set import AnalysisSet

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.protocol import Engine
    from harness.models.besides import DesignColumn

Progress = Callable[[str, int, int], None]
"""Told (what, done, total) after each model."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Both answers to one model.

    Attributes:
        task: the model as planned.
        python: the port's answer, or its refusal.
        r: the reference's answer, or its refusal.
        cross: the port's criterion at the reference's optimum, where both answered.
        python_seconds: wall time of the port's fit.
        r_seconds: wall time of the reference.
    """

    task: ModelTask
    python: Answer
    r: Answer
    cross: CrossCheck | None
    python_seconds: float
    r_seconds: float

    @property
    def refusals(self) -> tuple[NotComputed, ...]:
        """The engines that did not answer."""
        return tuple(a for a in (self.python, self.r) if isinstance(a, NotComputed))


def fit_tasks(
    tasks: Sequence[ModelTask],
    sets: dict[str, AnalysisSet],
    frame: pd.DataFrame,
    python_engine: Engine,
    references: Sequence[Reference],
    progress: Progress | None = None,
) -> Iterator[Fitted]:
    """Fit every task in both engines; the results come in the order of the tasks.

    Each reference engine works on one model at a time; the port runs meanwhile in this thread.
    """
    free: SimpleQueue[Reference] = SimpleQueue()
    for reference in references:
        free.put(reference)

    def ask_reference(task: ModelTask, rows: pd.DataFrame, python: Answer) -> tuple[Answer, float]:
        reference = free.get()
        also_at = (python.theta,) if isinstance(python, Estimates) and python.theta else ()
        try:
            return answered(
                partial(reference.answer, task, rows, also_at=also_at), reference.source
            )
        finally:
            free.put(reference)

    def reference_at(task: ModelTask, rows: pd.DataFrame, python: Answer) -> float:
        """The reference's criterion at the port's theta; NaN where it cannot be asked."""
        reference = free.get()
        try:
            at = getattr(reference, "criterion_at", None)
            if at is None or not isinstance(python, Estimates):
                return math.nan
            return float(at(task, rows, python.theta))
        except HarnessError:
            return math.nan  # whatever keeps R from answering has been told of the fit itself
        finally:
            free.put(reference)

    # One frame for all models of the same rows: an engine may keep what it knows of them.
    frames: dict[tuple[str, DesignColumn | None], pd.DataFrame] = {}

    def rows_in(task: ModelTask) -> pd.DataFrame:
        if task.scaled is not None:
            return rows_of(task, sets, frame)
        if (task.key.set, task.at) not in frames:
            frames[task.key.set, task.at] = rows_of(task, sets, frame)
        return frames[task.key.set, task.at]

    with ThreadPoolExecutor(max_workers=len(references)) as pool:
        asked: list[tuple[Answer, float, Future[tuple[Answer, float]]]] = []
        try:
            for task in tasks:
                # Python first: its theta goes into the question to R.
                rows = rows_in(task)
                ours, seconds = answered(
                    partial(python_engine.fit, task.spec, rows), python_engine.name
                )
                asked.append((ours, seconds, pool.submit(ask_reference, task, rows, ours)))
            for done, (task, (python, python_seconds, future)) in enumerate(
                zip(tasks, asked, strict=True), start=1
            ):
                rows = rows_in(task)
                r, r_seconds = future.result()
                cross = cross_check(python_engine, task.spec, rows, python, r)
                if cross is not None and differ(python, r, cross) and math.isnan(cross.r_at_python):
                    cross = replace(cross, r_at_python=reference_at(task, rows, python))
                yield Fitted(task, python, r, cross, python_seconds, r_seconds)
                if progress is not None:
                    progress(task.key.slug, done, len(tasks))
        finally:
            # An interrupted run must not wait for models nobody will read.
            for _, _, future in asked:
                future.cancel()


def differ(python: Answer, r: Answer, cross: CrossCheck) -> bool:
    """Whether the criteria are apart, at the two optima or at one theta, beyond the policy."""
    if not (isinstance(python, Estimates) and isinstance(r, Estimates)):
        return False
    ours, theirs = python.fit.criterion, r.fit.criterion
    limit = default_policy().find("criterion", "T2").limit_at(larger_magnitude(ours, theirs))
    return not (abs(ours - theirs) <= limit and abs(cross.python_at_r - theirs) <= limit)


def answered(fit: Callable[[], Estimates], engine: str) -> tuple[Answer, float]:
    """An engine's answer, or its refusal as a value, with the wall time in seconds."""
    start = time.perf_counter()
    answer: Answer
    try:
        answer = fit()
    except HarnessError as error:
        answer = NotComputed(engine, str(error), max(error.exit_code, PartNotRun.exit_code))
    return answer, time.perf_counter() - start


def cross_check(
    engine: Engine, spec: ModelSpec, frame: pd.DataFrame, python: Answer, r: Answer
) -> CrossCheck | None:
    """The engine at both thetas, and both sides wherever else the reference was evaluated.

    Tells a difference of algebra from one of optimum. None for engines that cannot be evaluated at
    a given theta, and for models without one.
    """
    wanted = ("criterion_at", "at", "evaluated_at")
    criterion_at, at, evaluated_at = (getattr(engine, name, None) for name in wanted)
    if not (isinstance(python, Estimates) and isinstance(r, Estimates)):
        return None
    if criterion_at is None or not r.theta or len(r.theta) != len(python.theta):
        return None
    # Tests of terms and bounds are no sums of coefficients: nobody holds them at one theta.
    sums = spec if spec.besides is None else replace(spec, besides=spec.besides.sums)
    elsewhere: tuple[BothAt, ...] = ()
    try:
        there = None if at is None else at(sums, frame, r.theta)
        if evaluated_at is not None and r.elsewhere:
            ours = evaluated_at(spec, frame, [place.theta for place in r.elsewhere])
            elsewhere = tuple(
                BothAt(mine, theirs, theirs.theta == python.theta)
                for mine, theirs in zip(ours, r.elsewhere, strict=True)
            )
    except ModelError:
        return None  # a theta at which the engine cannot be evaluated
    here = next((both for both in elsewhere if both.at_python), None)
    return CrossCheck(
        python_at_r=float(
            criterion_at(spec, frame, r.theta) if there is None else there.fit.criterion
        ),
        python_at_python=float(
            criterion_at(spec, frame, python.theta) if here is None else here.python.criterion
        ),
        r_at_python=math.nan if here is None else here.r.criterion,
        numbers_at_r=there,
        elsewhere=elsewhere,
    )
