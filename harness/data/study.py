"""A study as opened: plan, codebook and typed data, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.data.check import check_codebook, check_columns, check_design
from harness.data.codebook import Codebook, parse_codebook
from harness.data.detection import Detected, add_detected, check_detection
from harness.data.hash import sha256_of, sha256_of_file
from harness.data.improvements import Improvement, improvements
from harness.data.read import Finding, Reading, compare_columns, typed
from harness.data.scores import Scored, add_scores, check_scores
from harness.data.table import TableError, read_bytes, read_table_text
from harness.errors import DataError, PlanError, Problem
from harness.plan.document import Table, at_path
from harness.plan.load import LoadedPlan, read_plan
from harness.plan.schema import Plan
from harness.plan.scores import possible_columns


@dataclass(frozen=True, slots=True)
class Study:
    """A study, ready for the gate.

    Attributes:
        plan: as checked.
        codebook: what the columns hold.
        frame: typed data, without scores added and derived columns.
        findings: cells that were not of their type; the gate reports them.
        scores: the plan's questionnaires, scored from the answers; the gate compares them with
            the scores of the file, and the others become columns before the derived ones.
        detected: the plan's markers with a limit of detection, and what stands below it.
        data_sha256: of the data file's bytes.
        plan_sha256: of the plan file's bytes.
        folder: of the plan; the plan's paths are relative to it.
    """

    plan: Plan
    codebook: Codebook
    frame: pd.DataFrame
    findings: tuple[Finding, ...]
    scores: tuple[Scored, ...]
    detected: tuple[Detected, ...]
    data_sha256: str
    plan_sha256: str
    folder: Path

    @property
    def improvements(self) -> dict[str, Improvement]:
        """Which way is better, by column, where codebook or questionnaire say so."""
        return improvements(self.plan, self.codebook)


def open_study(plan_path: str | Path | Plan) -> Study:
    """Open a study and check the plan against codebook and data.

    Args:
        plan_path: the plan's file, or the plan as loaded from it.

    Raises:
        PlanError: with every problem of plan and codebook, each with its line.
        DataError: nothing is wrong but the data file.
    """
    path = _path_of(plan_path)
    loaded = read_plan(path)
    problems = list(loaded.problems)
    plan = loaded.plan
    given = plan_path if isinstance(plan_path, Plan) else None
    if given is not None and plan is not None and plan.model_dump() != given.model_dump():
        problems.append(Problem(str(path), None, "", "has changed since it was loaded"))
    if plan is None:
        raise PlanError(tuple(problems))
    codebook, found = parse_codebook(path.parent / plan.data.codebook)
    problems += found
    reading: Reading | None = None
    scores: tuple[Scored, ...] = ()
    detected: tuple[Detected, ...] = ()
    if codebook is not None:
        problems += check_codebook(plan, codebook)
        try:
            reading = _read(loaded, plan, codebook, path.parent, problems)
        except TableError as error:
            if not problems:
                raise
            problems.append(error.problem)
    if codebook is not None and reading is not None:

        def report(where: tuple[str | int, ...], message: str) -> None:
            problems.append(loaded.problem(where, message))

        check_design(plan, codebook, reading.frame, report)
        scores, unscored = check_scores(plan, codebook, reading.frame, report)
        broken = set(loaded.names("derive")) - set(plan.derive) | codebook.unread | unscored
        broken |= possible_columns(set(loaded.names("scores")) - set(plan.scores))
        frame = add_scores(reading.frame, scores)
        detected, unmade = check_detection(plan, codebook, frame, report)
        broken |= set(loaded.names("outliers")) - set(plan.outliers)
        broken |= unmade | _unread_columns(loaded, plan)
        check_columns(plan, codebook, add_detected(frame, detected), report, broken)
    if problems or codebook is None or reading is None:
        raise PlanError(tuple(dict.fromkeys(problems)))
    return Study(
        plan=plan,
        codebook=codebook,
        frame=reading.frame,
        findings=reading.findings,
        scores=scores,
        detected=detected,
        data_sha256=reading.sha256,
        plan_sha256=sha256_of_file(path),
        folder=path.parent,
    )


def _unread_columns(loaded: LoadedPlan, plan: Plan) -> set[str]:
    """The new columns of entries of ``detection:`` whose shape is wrong, which is reported."""
    found: set[str] = set()
    for name in set(loaded.names("detection")) - set(plan.detection):
        also = at_path(loaded.tree, ("detection", name, "also")) if loaded.tree else None
        found |= set(also.entries) if isinstance(also, Table) else set()
    return found


def _path_of(plan: str | Path | Plan) -> Path:
    if not isinstance(plan, Plan):
        return Path(plan)
    if plan.path is None:
        raise DataError("the plan was not loaded from a file; data and suite are found beside it")
    return plan.path


def _read(
    loaded: LoadedPlan, plan: Plan, codebook: Codebook, folder: Path, problems: list[Problem]
) -> Reading:
    """Read the data; a broken pin and columns that only one side knows are problems."""
    path = folder / plan.data.file
    raw = read_bytes(path)
    sha256 = sha256_of(raw)
    if plan.data.sha256 not in (None, sha256):
        message = f"{plan.data.file} has another content: its sha256 is {sha256}"
        problems.append(loaded.problem(("data", "sha256"), message))
    table = read_table_text(path, raw)
    missing, undeclared = compare_columns(table.header, codebook)
    lines = {variable.name: variable.line for variable in codebook.variables}
    for name in missing:
        message = f"no such column in {plan.data.file}"
        problems.append(Problem(codebook.file, lines[name], name, message))
    for name in (name for name in undeclared if name not in codebook.unread):
        message = f"this column of {plan.data.file} is not in the codebook"
        problems.append(Problem(codebook.file, None, name, message))
    return typed(table, codebook, sha256)
