"""``harness record``: what R answers today, kept for machines and days without R."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.families import adjust_families, recordable
from harness.compare.fits import Fitted, Progress, fit_tasks
from harness.data.derive import derive
from harness.data.study import open_study
from harness.engines.r.adjusted import write_adjusted
from harness.engines.r.record import ADJUSTED, write_record
from harness.engines.reference import open_references
from harness.engines.registry import engine_named
from harness.errors import EXIT_NOT_RUN, EXIT_OK
from harness.models.expand import tasks as planned_tasks
from harness.models.families import families
from harness.models.record import NotComputed
from harness.models.rows import rows_of
from harness.pipeline import gate_study
from harness.sets.enough import sufficient_sets

if TYPE_CHECKING:
    from harness.gate.verdict import GateReport


@dataclass(frozen=True, slots=True)
class Recording:
    """What ``harness record`` did.

    Attributes:
        files: the records as they now stand, in plan order.
        unclean: models whose fit does not deserve to be a reference, with the reasons; their
            records say so and the comparison will too.
        refusals: models R did not answer, one line each; their records are as before.
        gate: the gate's report; nothing is recorded when it refused the data.
        retried: models that R died of once, with how; their records say so in their messages.
    """

    files: tuple[Path, ...]
    unclean: tuple[str, ...]
    refusals: tuple[str, ...]
    gate: GateReport
    retried: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The gate's code where it refused, 4 where R left a model unanswered, else 0."""
        return self.gate.exit_code or (EXIT_NOT_RUN if self.refusals else EXIT_OK)


def record(plan: str | Path, *, jobs: int = 1, progress: Progress | None = None) -> Recording:
    """Fit every model of a plan in R and (re)write the study's recorded references.

    Raises:
        HarnessError: nothing can be started, R above all.
    """
    study = open_study(plan)
    gate = gate_study(study)
    if gate.exit_code != EXIT_OK:
        return Recording((), (), (), gate)
    frame = derive(study)
    sets = sufficient_sets(study, frame)
    tasks = planned_tasks(study.plan, study.improvements)
    folder = study.folder / "reference"
    files: list[Path] = []
    unclean: list[str] = []
    refusals: list[str] = []
    fits: list[Fitted] = []
    with open_references(
        "live", records=folder, timeout=study.plan.reference.timeout, jobs=min(jobs, len(tasks))
    ) as references:
        port = engine_named("port")
        for fitted in fit_tasks(tasks, sets, frame, port, references.engines, progress):
            fits.append(fitted)
            key, answer = fitted.task.key, fitted.r
            if isinstance(answer, NotComputed):
                refusals.append(f"{key.slug}: {answer.reason}")
                continue
            if answer.quality is not None and not answer.quality.clean:
                unclean.append(f"{key.slug}: {'; '.join(answer.quality.reasons)}")
            rows = rows_of(fitted.task, sets, frame)
            files.append(
                write_record(folder, key, fitted.task.spec, rows, answer, study.data_sha256)
            )
        adjusted = adjust_families(
            families(study.plan, tasks), fits, sets, frame, references.engines[0]
        )
    known, versions = recordable(adjusted, fits)
    refusals += [
        f"{one.sentence}: {why.reason}"
        for one in adjusted
        for side, why in one.missing
        if side == "r"
    ]
    if known:
        files.append(write_adjusted(folder / ADJUSTED, known, versions))
    told = (tuple(files), tuple(unclean), tuple(refusals), gate, references.tally.retried)
    return Recording(*told)
