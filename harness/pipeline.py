"""One plan, start to finish: gate, analysis sets, both engines, comparison.

Each step is a plain function from one typed value to the next; this module strings them
together and keeps going when one model cannot be computed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.causes import Asked
from harness.compare.diagnose import diagnosed
from harness.compare.families import Adjusted, adjust_families, with_adjusted
from harness.compare.family_rows import with_families
from harness.compare.fits import Fitted, Progress, fit_tasks
from harness.compare.model import compare_model
from harness.compare.patients import model_columns, uncounted
from harness.compare.reported import reported_rows
from harness.compare.rows import DiffRow
from harness.compare.table import DiffTable, join
from harness.data.derive import derive
from harness.data.study import Study, open_study
from harness.engines.reference import ReferenceMode, open_references
from harness.engines.registry import engine_named
from harness.engines.tally import Tally
from harness.errors import EXIT_OK, HarnessError
from harness.gate.run import run_gate
from harness.models.expand import tasks as planned_tasks
from harness.models.families import families
from harness.models.rows import rows_of
from harness.models.spec import ModelTask
from harness.sets.analysis_set import AnalysisSet
from harness.sets.counting import patient_flow
from harness.sets.enough import coupled, sufficient_sets
from harness.side_by_side import side_by_side

if TYPE_CHECKING:
    import pandas as pd

    from harness.gate.verdict import GateReport
    from harness.plan.schema import Plan
    from harness.sets.flow import Flow


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run found.

    Attributes:
        study: the plan with its data, as opened.
        gate: the data-quality gate's report.
        sets: analysis sets by name; empty when the gate refused the data.
        fits: both answers of every model, in plan order.
        table: the diff table; without rows when the gate refused the data.
        engine: name of the engine in the table's ``python`` column.
        reference: where the reference numbers came from, in words.
        started: UTC time, ISO 8601.
        seconds: wall time by part; those of the engines are summed over the models.
        only: the glob that chose the models, if one did.
        planned: number of models in the plan.
        tally: how the reference answers came about: cached, at a second attempt.
        warnings: what a reader should know of what was asked, one line each.
        flow: the patients, counted; None when the gate refused the data.
        families: tests that were adjusted together, with both sides' answers.
    """

    study: Study
    gate: GateReport
    sets: dict[str, AnalysisSet]
    fits: tuple[Fitted, ...]
    table: DiffTable
    engine: str
    reference: str
    started: str
    seconds: dict[str, float]
    only: str | None = None
    planned: int = 0
    tally: Tally = field(default_factory=Tally)
    warnings: tuple[str, ...] = ()
    flow: Flow | None = None
    families: tuple[Adjusted, ...] = ()

    @property
    def part(self) -> str:
        """Which part of the plan was run, in words; empty for all of it, or where nothing was."""
        if self.only is None or not self.fits:
            return ""
        return f"--only {self.only}: {len(self.fits)} of {self.planned} models"

    @property
    def exit_code(self) -> int:
        """The gate's code where it refused, else the highest code of any row."""
        return self.gate.exit_code or self.table.exit_code

    @property
    def diff(self) -> pd.DataFrame:
        """The diff table as a data frame, under the columns of ``diff.csv``."""
        return self.table.to_frame()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def run(
    plan: str | Path | Plan,
    *,
    reference: ReferenceMode | None = None,
    engine: str = "port",
    jobs: int = 1,
    only: str | None = None,
    progress: Progress | None = None,
    cached: bool = True,
) -> RunResult:
    """Gate the study, fit every model in both engines and compare number by number.

    Args:
        plan: path of the plan file, or what ``load_plan`` made of it.
        reference: ``live`` fits in R, ``recorded`` replays records, ``auto`` takes R when it
            starts; the plan's own choice when None.
        engine: name of the engine in the table's ``python`` column.
        jobs: number of processes: of R, and of Python beside it.
        only: glob on ``analysis/set/outcome``; other models are left out.
        progress: called with (what, done, total) after each model.
        cached: let live R's answers of earlier runs on the same data stand for a fit.

    Returns:
        The result; a refusal by the gate is a result too (exit code 3 or 4, no fits).

    Raises:
        HarnessError: nothing can be started (plan, data file, engine name, R asked for but absent).
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    clock = time.perf_counter()
    python_engine = engine_named(engine)
    study = open_study(plan)
    opened = time.perf_counter()
    gate = gate_study(study)
    seconds = {"reading": opened - clock, "gate": time.perf_counter() - opened}
    if gate.exit_code != EXIT_OK:
        nothing = DiffTable(())
        return RunResult(study, gate, {}, (), nothing, engine, "not asked", started, seconds)
    frame = derive(study)
    sets = sufficient_sets(study, frame)
    planned = planned_tasks(study.plan, study.improvements)
    tasks = chosen(planned, only)
    wanted = study.plan.reference
    with open_references(
        reference or wanted.mode,
        records=study.folder / "reference",
        timeout=wanted.timeout,
        jobs=min(jobs, len(tasks)),
        cached=cached,
    ) as references:
        engines = references.engines
        fits = tuple(fit_tasks(tasks, sets, frame, python_engine, engines, progress, jobs))
        adjusted = adjust_families(
            families(study.plan, planned), fits, sets, frame, references.engines[0]
        )
    fits = with_adjusted(fits, adjusted)
    models = tuple(side_by_side(lambda f: compared(f, study, sets, frame), fits, jobs))
    diff = replace(
        join(with_families((of.rows for of in models), fits, adjusted)),
        reported=tuple(row for of in models for row in of.reported),
    )
    seconds |= {
        "python": sum(f.python_seconds for f in fits),
        "reference": sum(f.r_seconds for f in fits),
        "all": time.perf_counter() - clock,
    }
    flow = patient_flow(study.plan, frame, sets, model_columns(tasks))
    unequal = uncounted(flow, ((f.task, f.python) for f in fits), study.plan.data.id)
    return RunResult(
        *(study, gate, sets, fits, diff, engine, references.source, started, seconds),
        *(only, len(planned), references.tally, (*coupled(study.plan, frame), *unequal), flow),
        adjusted,
    )


def gate_study(study: Study) -> GateReport:
    """Run the study's data-quality gate on the data as read."""
    plan = study.plan
    return run_gate(
        study.frame,
        study.folder / plan.gate.suite,
        key=(plan.data.id, plan.data.time.column),
        parameters=plan.gate.parameters,
        findings=study.findings,
        scores=study.scores,
        data_sha256=study.data_sha256,
    )


def selected_tasks(study: Study, only: str | None) -> tuple[ModelTask, ...]:
    """The plan's models, or those whose ``analysis/set/outcome[/moderator]`` fits a glob.

    A glob that names the first parts selects everything below, as a path does.

    Raises:
        HarnessError: the glob selects nothing; the message lists what there is.
    """
    return chosen(planned_tasks(study.plan, study.improvements), only)


def chosen(tasks: tuple[ModelTask, ...], only: str | None) -> tuple[ModelTask, ...]:
    """Those of a plan's models whose name fits a glob.

    Raises:
        HarnessError: as ``selected_tasks``.
    """
    if only is None:
        return tasks
    found = tuple(
        task
        for task in tasks
        if fnmatchcase(task.key.place, only) or fnmatchcase(task.key.place, f"{only}/*")
    )
    if not found:
        listed = ", ".join(task.key.place for task in tasks[:8]) + (
            ", ..." if len(tasks) > 8 else ""
        )
        raise HarnessError(f"--only {only}: no model has such a name; there are {listed}")
    return found


@dataclass(frozen=True, slots=True)
class Compared:
    """One model's rows of the diff table, and those of what R reported of itself."""

    rows: tuple[DiffRow, ...]
    reported: tuple[DiffRow, ...]


def compared(
    fitted: Fitted, study: Study, sets: dict[str, AnalysisSet], frame: pd.DataFrame
) -> Compared:
    """Both sides of a model, number by number."""
    return Compared(
        model_rows(fitted, study, sets, frame),
        tuple(reported_rows(fitted.task.key, fitted.python, fitted.r)),
    )


def model_rows(
    fitted: Fitted, study: Study, sets: dict[str, AnalysisSet], frame: pd.DataFrame
) -> tuple[DiffRow, ...]:
    """One model's rows of the diff table; what is red comes with its cause, where one is found."""
    task = fitted.task
    rows = compare_model(task.key, fitted.python, fitted.r, fitted.cross)
    # An adjusted p is no part of a model: what it hangs on is told with its family.
    if not any(row.red for row in rows if row.quantity != "p_adjusted"):
        return rows
    data = study.plan.data
    asked = Asked(
        task.spec,
        rows_of(task, sets, frame),
        id=data.id,
        time=data.time.column,
        sets={name: rows_of(task, sets, frame, name) for name in sets if name != task.key.set},
    )
    return diagnosed(rows, asked, fitted.python, fitted.r)
