"""``harness record --check``: is what was recorded what R says today?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.compare.cross import CrossCheck
from harness.compare.families import Adjusted, adjust_families, p_values_of
from harness.compare.fits import Fitted, Progress, cross_check, fit_tasks
from harness.compare.metrics import relative
from harness.compare.model import compare_model
from harness.compare.verdict import Verdict
from harness.data.derive import derive
from harness.data.study import open_study
from harness.engines.r.adjusted import DEFINITION_LIMIT, AdjustedByR, PValues
from harness.engines.r.record import ADJUSTED
from harness.engines.reference import Reference, open_references
from harness.engines.registry import engine_named
from harness.engines.tally import Tally
from harness.errors import EXIT_DIFFERS, EXIT_NOT_RUN, EXIT_OK, PartNotRun
from harness.models.families import families
from harness.models.record import Estimates, NotComputed, as_json
from harness.models.rows import rows_of
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.pipeline import gate_study, selected_tasks
from harness.sets.enough import sufficient_sets

if TYPE_CHECKING:
    import pandas as pd

    from harness.gate.verdict import GateReport

_ADDED = ("recorded",)
"""What replaying adds to the versions of an answer."""


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """What ``harness record --check`` found.

    Attributes:
        agree: models whose record is what R says.
        same_versions: whether R, its packages and libraries are those of every record; then
            records and answers were held to each other bit by bit, else by the policy.
        differences: one line each, with the model: a number, a word, a record nobody asks for.
        refusals: records that are missing or do not verify themselves, models R did not answer.
        gate: the gate's report; nothing is checked when it refused the data.
    """

    agree: int
    same_versions: bool
    differences: tuple[str, ...]
    refusals: tuple[str, ...]
    gate: GateReport

    @property
    def exit_code(self) -> int:
        """The gate's code where it refused, 4 where something could not be held, 1 or 0."""
        if self.gate.exit_code or self.refusals:
            return self.gate.exit_code or EXIT_NOT_RUN
        return EXIT_DIFFERS if self.differences else EXIT_OK


def check(
    plan: str | Path,
    *,
    jobs: int = 1,
    only: str | None = None,
    progress: Progress | None = None,
) -> RecordCheck:
    """Fit every model of a plan in R and hold each answer to its record; nothing is written.

    Args:
        plan: path of the plan file.
        jobs: number of R processes.
        only: glob on ``analysis/set/outcome``; other models are left out.
        progress: called with (what, done, total) after each model.

    Raises:
        HarnessError: nothing can be started, R above all.
    """
    study = open_study(plan)
    gate = gate_study(study)
    if gate.exit_code != EXIT_OK:
        return RecordCheck(0, False, (), (), gate)
    frame = derive(study)
    sets = sufficient_sets(study, frame)
    tasks = selected_tasks(study, only)
    folder, timeout = study.folder / "reference", study.plan.reference.timeout
    port = engine_named("port")
    agree, alike = 0, True
    refusals: list[str] = []
    every = tasks if only is None else selected_tasks(study, None)
    asked = {f"{task.key.slug}.json" for task in every}
    adjusting = tuple(family for family in families(study.plan, every) if family.adjusts)
    asked |= {ADJUSTED} if adjusting else set()
    chosen = {task.key for task in tasks}
    planned = tuple(
        family
        for family in adjusting
        if only is None or all(member.key in chosen for member in family.members)
    )
    fits: list[Fitted] = []
    differences = [
        f"{path.name}: no model of the plan has this record"
        for path in sorted(folder.glob("*.json"))
        if path.name not in asked
    ]
    with (
        open_references("recorded", records=folder, timeout=timeout) as recorded,
        open_references(
            "live", records=folder, timeout=timeout, jobs=min(jobs, len(tasks))
        ) as live,
    ):
        held = [_AsRecorded(reference, recorded.engines[0]) for reference in live.engines]
        for fitted in fit_tasks(tasks, sets, frame, port, held, progress):
            key, rows = fitted.task.key, rows_of(fitted.task, sets, frame)
            try:
                record = recorded.engines[0].answer(fitted.task, rows)
            except PartNotRun as error:
                refusals.append(f"{key.slug}: {error}")
                continue
            if isinstance(fitted.r, NotComputed):
                refusals.append(f"{key.slug}: {fitted.r.reason}")
                continue
            alike = alike and same_versions(record, fitted.r)
            fits.append(replace(fitted, r=record))
            cross = cross_check(port, fitted.task.spec, rows, record, fitted.r)
            found = disagreements(key, record, fitted.r, cross)
            differences += [f"{key.slug}: {line}" for line in found]
            agree += not found
        families_of_records = adjust_families(planned, fits, sets, frame, recorded.engines[0])
        apart, missing = adjusted_otherwise(families_of_records, live.engines[0], exactly=alike)
        agree += bool(planned) and not (apart or missing)
    differences += [f"{ADJUSTED}: {line}" for line in apart]
    refusals += [f"{ADJUSTED}: {line}" for line in missing]
    return RecordCheck(agree, alike, tuple(differences), tuple(refusals), gate)


@dataclass(frozen=True, slots=True)
class _AsRecorded:
    """R, asked at the thetas of the record: python's may end in other bits on another machine."""

    live: Reference
    records: Reference

    @property
    def source(self) -> str:
        return self.live.source

    @property
    def tally(self) -> Tally:
        return self.live.tally

    def answer(
        self, task: ModelTask, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        try:
            places = self.records.answer(task, frame).elsewhere or ()
        except PartNotRun:
            return self.live.answer(task, frame, also_at)
        return self.live.answer(task, frame, [p.theta for p in places if p.place == "asked"])

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        return self.live.fit(spec, frame)

    def adjust(self, asked: PValues) -> AdjustedByR:
        return self.live.adjust(asked)

    def close(self) -> None:
        self.live.close()


def adjusted_otherwise(
    found: Sequence[Adjusted], live: Reference, *, exactly: bool
) -> tuple[list[str], list[str]]:
    """What recorded adjustments and those of today's R do not have in common, and what is missing.

    Args:
        found: the families, R's side being the models' records and the recorded adjustments.
        live: R.
        exactly: whether to hold them bit by bit, else to the rounding of the definition.
    """
    apart: list[str] = []
    missing = [one.r.missing.reason for one in found if one.r.missing is not None]
    missing += [f"{one.sentence}: its models have no records" for one in found if one.left_out]
    for one in found:
        if not one.r.p_adjusted:
            continue
        asked = p_values_of(one.family, one.tests, one.r.p_values)
        try:
            today = live.adjust(asked).p_adjusted
        except PartNotRun as error:
            missing.append(str(error))
            continue
        limit = 0.0 if exactly else DEFINITION_LIMIT
        for name, old, new in zip(asked.tests, one.r.p_adjusted, today, strict=True):
            if not relative(old, new) <= limit:
                apart.append(f"adjusted p of {name}: recorded {old}, R says {new}")
    return apart, missing


def disagreements(
    key: ModelKey, record: Estimates, live: Estimates, cross: CrossCheck | None
) -> tuple[str, ...]:
    """What a record and R's answer of today do not have in common.

    Args:
        key: the model.
        record: as replayed.
        live: as R answers.
        cross: the port's criterion at both thetas.

    Returns:
        Of the same versions of R, packages, BLAS and platform, every value that is not the same
        double or text. Of others, every number beyond the policy's limit of the same optimum, and
        what else the diff table would not call a match; R's words may then be others.
    """
    if same_versions(record, live):
        plain = as_json(replace(record, versions={})), as_json(replace(live, versions={}))
        return tuple(
            f"{place}: recorded {old}, R says {new}" for place, old, new in _unequal(*plain)
        )
    rows = compare_model(key, live, record, cross)
    return tuple(
        f"{row.quantity} of {row.term}: {row.verdict}: recorded {row.r}, R says {row.python}"
        for row in rows
        if row.verdict not in (Verdict.MATCH, Verdict.BOUNDARY)
    )


def same_versions(record: Estimates, live: Estimates) -> bool:
    """Whether the same R, packages, libraries, settings and platform gave both answers."""
    then = {name: version for name, version in record.versions.items() if name not in _ADDED}
    return then == live.versions


def _unequal(old: Any, new: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf of two JSON values that differs, with its place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _unequal(old.get(name), new.get(name), f"{place}.{name}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            yield from _unequal(*pair, f"{place}[{at}]")
    elif repr(old) != repr(new):
        yield place, old, new
