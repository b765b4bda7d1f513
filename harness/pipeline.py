"""One plan, start to finish: gate, analysis sets, both engines, comparison, files.

Each step is a plain function from one typed value to the next; this module only strings
them together and keeps going when one model cannot be computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Literal, Protocol

from harness.errors import EXIT_OK, HarnessError, PartNotRun, ReferenceUnavailable
from harness.models.record import Answer, Estimates, NotComputed
from harness.models.spec import ModelSpec, ModelTask

if TYPE_CHECKING:
    import pandas as pd

    from harness.compare.model import CrossCheck
    from harness.compare.table import DiffTable
    from harness.data.study import Study
    from harness.engines.protocol import Engine
    from harness.gate.verdict import GateReport
    from harness.sets.analysis_set import AnalysisSet

ReferenceMode = Literal["auto", "live", "recorded"]
Progress = Callable[[str, int, int], None]


class ReferenceEngine(Protocol):
    """An engine that may be asked for one model of a study by its key, and is closed when done."""

    @property
    def source(self) -> Literal["live", "recorded"]: ...

    def answer(self, task: ModelTask, frame: pd.DataFrame) -> Estimates: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """Both answers to one model task.

    Attributes:
        task: the model as planned.
        python: the port's answer.
        r: the reference's answer.
        cross: the port's criterion at the reference's optimum, where both exist.
        seconds: wall time of the port and of the reference.
    """

    task: ModelTask
    python: Answer
    r: Answer
    cross: CrossCheck | None
    seconds: tuple[float, float]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run found.

    Attributes:
        study: the plan with its data, as opened.
        gate: the data-quality gate's report.
        sets: analysis sets by name; empty when the gate refused the data.
        fits: both answers of every model, in plan order.
        diff: the diff table; it has no rows when the gate refused the data.
        reference: where the reference numbers came from, in words.
        exit_code: the contract's exit code of the whole run.
    """

    study: Study
    gate: GateReport
    sets: dict[str, AnalysisSet]
    fits: tuple[Fitted, ...]
    diff: DiffTable
    reference: str
    exit_code: int

    def _repr_html_(self) -> str:
        return self.diff._repr_html_()


def run(
    plan: str | Path,
    *,
    reference: ReferenceMode | None = None,
    engine: str = "port",
    jobs: int = 1,
    only: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Gate the study, fit every model in both engines and compare number by number.

    Args:
        plan: path of the plan file.
        reference: ``live`` fits in R, ``recorded`` replays records, ``auto`` prefers live R;
            the plan's own choice when None.
        engine: entry-point name of the engine in the table's ``python`` column.
        jobs: number of R processes.
        only: glob on ``analysis/set/outcome``; other models are left out.
        progress: called with (what, done, total) after each model.

    Returns:
        The result; a refusal by the gate is a result too (exit code 3 or 4, no fits).

    Raises:
        HarnessError: when nothing can be started (plan, data file, engine name).
    """
    from harness.compare.table import DiffTable
    from harness.data.derive import derive
    from harness.data.study import open_study
    from harness.engines.registry import engine_named
    from harness.models.expand import tasks as planned_tasks
    from harness.sets.analysis_set import analysis_sets

    python_engine = engine_named(engine)
    study = open_study(plan)
    gate = gate_study(study)
    if gate.exit_code != EXIT_OK:
        return RunResult(study, gate, {}, (), DiffTable(()), "not used", gate.exit_code)
    frame = derive(study)
    sets = analysis_sets(study.plan, frame)
    tasks = tuple(task for task in planned_tasks(study.plan) if only is None or selected(task, only))
    if not tasks:
        raise HarnessError(f"--only {only}: no model of {study.plan.study.id} has such a name")
    mode = reference or study.plan.reference.mode
    with reference_engines(study, mode, jobs) as (engines, source):
        fits = tuple(fit_tasks(tasks, sets, frame, python_engine, engines, progress))
    diff = DiffTable(
        tuple(row for fitted in fits for row in compared(fitted))
    )
    codes = [diff.exit_code, *(a.exit_code for f in fits for a in (f.python, f.r) if isinstance(a, NotComputed))]
    return RunResult(study, gate, sets, fits, diff, source, max(codes))


def gate_study(study: Study) -> GateReport:
    """Run the study's data-quality gate on the data as read."""
    from harness.gate.run import run_gate

    plan = study.plan
    return run_gate(
        study.frame,
        study.folder / plan.gate.suite,
        key=(plan.data.id, plan.data.time.column),
        parameters=plan.gate.parameters,
        findings=study.findings,
    )


def selected(task: ModelTask, pattern: str) -> bool:
    """Whether a model's ``analysis/set/outcome[/moderator]`` matches a glob, or starts with it."""
    key = task.key
    name = "/".join(part for part in (key.analysis, key.set, key.outcome, key.moderator) if part)
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}/*")


def fit_tasks(
    tasks: Sequence[ModelTask],
    sets: dict[str, AnalysisSet],
    frame: pd.DataFrame,
    python_engine: Engine,
    engines: Sequence[ReferenceEngine],
    progress: Progress | None,
) -> Iterator[Fitted]:
    """Fit every task in both engines; results come in the order of the tasks."""
    free: SimpleQueue[ReferenceEngine] = SimpleQueue()
    for reference_engine in engines:
        free.put(reference_engine)

    def reference_answer(task: ModelTask, rows: pd.DataFrame) -> tuple[Answer, float]:
        engine = free.get()
        try:
            return timed(lambda: engine.answer(task, rows), engine.source)
        finally:
            free.put(engine)

    with ThreadPoolExecutor(max_workers=len(engines)) as pool:
        pending = []
        for task in tasks:
            rows = frame.loc[sets[task.key.set].mask]
            pending.append((task, rows, pool.submit(reference_answer, task, rows)))
        for done, (task, rows, future) in enumerate(pending, start=1):
            python, python_seconds = timed(lambda t=task, d=rows: python_engine.fit(t.spec, d), python_engine.name)
            r, r_seconds = future.result()
            yield Fitted(
                task, python, r, cross_check(python_engine, task.spec, rows, python, r), (python_seconds, r_seconds)
            )
            if progress is not None:
                progress(task.key.slug, done, len(tasks))


def timed(fit: Callable[[], Estimates], engine: str) -> tuple[Answer, float]:
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
    """The port's criterion at R's theta: tells a difference of algebra from one of optimisation."""
    from harness.compare.model import CrossCheck

    criterion_at = getattr(engine, "criterion_at", None)
    if not (isinstance(python, Estimates) and isinstance(r, Estimates)):
        return None
    if criterion_at is None or not r.theta:
        return None
    return CrossCheck(python_at_r=float(criterion_at(spec, frame, r.theta)))


def compared(fitted: Fitted) -> tuple[object, ...]:
    """The diff rows of one model."""
    from harness.compare.model import compare_model

    return compare_model(fitted.task.key, fitted.python, fitted.r, fitted.cross)
