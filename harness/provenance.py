"""From what a run found to what is told of it: the record that reports are made from."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from harness.compare.across_sets import across_sets
from harness.compare.policy import default_policy
from harness.data.derive import derive
from harness.data.hash import sha256_of_file
from harness.data.outliers import outlier_sentences
from harness.data.scores import Scored
from harness.engines.r.scripts import scripts_folder
from harness.errors import ReferenceUnavailable
from harness.estimates.files import KeyedAnswer
from harness.models.record import Estimates
from harness.pipeline import RunResult
from harness.report.content import RunRecord, ScoreFlow, SetFlow
from harness.report.definitions import definitions
from harness.report.families import family_line
from harness.report.manifest import Manifest, environment, sha256_by_name
from harness.report.moderation import moderation_lines
from harness.report.reproduce import reproduce_script
from harness.scoring.catalogue import FILE as CATALOGUE
from harness.scoring.catalogue import instruments


def run_record(result: RunResult, folder: Path, command: str) -> RunRecord:
    """Everything the reports need, as plain values.

    Args:
        result: the run.
        folder: where its files will be written; ``reproduce.R`` names the data from there.
        command: what repeats the run, without the choice of models.
    """
    study, plan = result.study, result.study.plan
    arm = plan.data.arm
    flows = tuple(
        SetFlow(s.name, s.expression, s.n_rows, s.n_ids, s.undecided) for s in result.sets.values()
    )
    answers = tuple(
        KeyedAnswer(fitted.task.key, answer)
        for fitted in result.fits
        for answer in (fitted.python, fitted.r)
    )
    only = "" if result.only is None else f" --only {shlex.quote(result.only)}"
    scripts = {}
    if result.fits:
        data_file = study.folder / plan.data.file
        data_file = Path(
            # R's working folder is where links lead to, so the way is told from there.
            os.path.relpath(data_file.parent.resolve() / data_file.name, folder.resolve())
        )
        tasks = (fitted.task for fitted in result.fits)
        scripts["reproduce.R"] = reproduce_script(
            *(plan, study.codebook, tasks, data_file, study.scores, result.families),
            detected=study.detected,
        )
    return RunRecord(
        study=plan.study.id,
        title=plan.study.title,
        synthetic=plan.study.synthetic,
        diff=result.table,
        gate=result.gate,
        sets=flows,
        answers=answers,
        reference=result.reference,
        manifest=_manifest(result, f"{command}{only}"),
        exit_code=result.exit_code,
        command=command,
        scripts=scripts,
        part=result.part,
        definitions=(
            *(one.sentence for one in study.detected),
            *(outlier_sentences(plan, derive(study)) if plan.outliers else ()),
            *definitions((f.task, f.python, f.r) for f in result.fits),
            *moderation_lines((f.task for f in result.fits), plan.data.arm.column),
            *(f"WARNING: {line}" for line in result.warnings),
        ),
        scores=tuple(map(_scored, study.scores)),
        flow=result.flow,
        across=across_sets(result.table.rows, arm.column, arm.levels, default_policy().alpha),
        families=tuple(family_line(family) for family in result.families),
    )


def _scored(one: Scored) -> ScoreFlow:
    absent = one.scores.missing[one.form.scores[-1]]
    return ScoreFlow(
        name=one.name,
        instrument=f"{one.instrument} {one.form.version}".rstrip(),
        n_items=one.form.n_items,
        rule=one.rule,
        n_rows=len(absent),
        incomplete=int(((absent > 0) & (absent < one.form.n_items)).sum()),
        added=tuple(one.columns[name] for name in one.added),
        compared=tuple(one.columns[name] for name in one.stored),
        not_known=instruments()[one.instrument].not_known,
    )


def _manifest(result: RunResult, command: str) -> Manifest:
    study, plan = result.study, result.study.plan
    r = next((f.r.versions for f in result.fits if isinstance(f.r, Estimates) and f.r.versions), {})
    tally = result.tally
    try:
        scripts = sha256_by_name(scripts_folder().glob("*.R"))
    except ReferenceUnavailable:
        scripts = {}
    return Manifest(
        study=plan.study.id,
        command=command,
        sha256={
            "data": study.data_sha256,
            "plan": study.plan_sha256,
            "codebook": sha256_of_file(study.folder / plan.data.codebook),
            "suite": result.gate.suite_sha256,
            **({"instruments": sha256_of_file(CATALOGUE)} if study.scores else {}),
        },
        r_scripts=scripts,
        environment=environment(),
        r={name: version for name, version in r.items() if name != "cached"},
        reference=result.reference,
        reference_answers={
            "models": tally.models,
            "cached": tally.cached,
            "retried": list(tally.retried),
            "notes": list(tally.notes),
        },
        started=result.started,
        gate=result.gate.verdict,
        exit_code=result.exit_code,
        seconds=dict(result.seconds),
    )
