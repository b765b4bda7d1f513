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
from harness.engines.reference import Reference, Remembering
from harness.errors import HarnessError, ModelError, PartNotRun
from harness.models.held import held_designs
from harness.models.record import Answer, Estimates, NotComputed
from harness.models.rows import rows_of
from harness.models.spec import ModelSpec, ModelTask
from harness.sets.analysis_set import AnalysisSet
from harness.side_by_side import side_by_side

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


@dataclass(frozen=True, slots=True)
class _Begun:
    """One model as far as it comes without asking anybody.

    Attributes:
        python: the port's answer, or its refusal.
        python_seconds: wall time of its fit.
        r: the reference's answer where it is at hand already.
        r_seconds: wall time of looking it up.
        cross: both at one theta, where both answered.
    """

    python: Answer
    python_seconds: float
    r: Estimates | None
    r_seconds: float
    cross: CrossCheck | None


def fit_tasks(
    tasks: Sequence[ModelTask],
    sets: dict[str, AnalysisSet],
    frame: pd.DataFrame,
    python_engine: Engine,
    references: Sequence[Reference],
    progress: Progress | None = None,
    processes: int = 1,
) -> Iterator[Fitted]:
    """Fit every task in both engines; the results come in the order of the tasks.

    Each reference engine works on one model at a time, and is asked only for what is not at hand;
    the port runs meanwhile, in this thread or in processes of its own.
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

    remembering = references[0] if isinstance(references[0], Remembering) else None

    def begin(task: ModelTask) -> _Begun:
        rows = rows_in(task)
        with held_designs():
            ours, seconds = answered(
                partial(python_engine.fit, task.spec, rows), python_engine.name
            )
            start = time.perf_counter()
            try:
                theirs = None if remembering is None else remembering.known(task, rows)
            except HarnessError:
                theirs = None  # told where it is asked for
            spent = time.perf_counter() - start
            cross = None
            if theirs is not None:
                cross = cross_check(python_engine, task.spec, rows, ours, theirs)
        return _Begun(ours, seconds, theirs, spent, cross)

    done = 0

    def told(task: ModelTask) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(task.key.slug, done, len(tasks))

    # The port's processes are made before the threads that wait for R: a fork copies none of these.
    begun = side_by_side(begin, tasks, processes)
    with ThreadPoolExecutor(max_workers=len(references)) as pool:
        asked: list[tuple[_Begun, Future[tuple[Answer, float]] | None]] = []
        try:
            for task, beginning in zip(tasks, begun, strict=True):
                # Python first: its theta goes into the question to R.
                future = None
                if beginning.r is None:
                    future = pool.submit(ask_reference, task, rows_in(task), beginning.python)
                else:
                    told(task)
                asked.append((beginning, future))
            for task, (beginning, future) in zip(tasks, asked, strict=True):
                python, cross = beginning.python, beginning.cross
                r: Answer | None = beginning.r
                r_seconds = beginning.r_seconds
                if future is not None:
                    r, r_seconds = future.result()
                    cross = cross_check(python_engine, task.spec, rows_in(task), python, r)
                    told(task)
                assert r is not None  # noqa: S101 - at hand, or asked for
                if cross is not None and differ(python, r, cross) and math.isnan(cross.r_at_python):
                    at = reference_at(task, rows_in(task), python)
                    cross = replace(cross, r_at_python=at)
                yield Fitted(task, python, r, cross, beginning.python_seconds, r_seconds)
            if remembering is not None:
                remembering.count_known(sum(future is None for _, future in asked))
        finally:
            # An interrupted run must not wait for models nobody will read.
            for _, future in asked:
                if future is not None:
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
