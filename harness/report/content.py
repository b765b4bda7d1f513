"""What a run's reports are made from: plain values, no engine and no data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.compare.across_sets import AcrossSets
from harness.compare.table import DiffTable
from harness.estimates.files import KeyedAnswer
from harness.report.manifest import Manifest

if TYPE_CHECKING:
    # The gate's package imports pandas; a report only reads the value.
    from harness.gate.verdict import GateReport
    from harness.sets.flow import Flow

SYNTHETIC = (
    "SYNTHETIC DATA: made by a program; no patient is in them and no finding follows from them."
)


@dataclass(frozen=True, slots=True)
class SetFlow:
    """One analysis set as the flow of patients shows it.

    Attributes:
        name: as in the plan.
        expression: its condition.
        n_rows: rows in the set.
        n_ids: patients with at least one row in it.
        undecided: rows where the condition is missing; they are not in the set.
    """

    name: str
    expression: str
    n_rows: int
    n_ids: int
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class ScoreFlow:
    """One questionnaire as it was scored.

    Attributes:
        name: of the plan's entry.
        instrument: its name and version.
        n_items: number of answers.
        rule: what became of missing ones.
        n_rows: rows of the data.
        incomplete: rows with some answers but not all.
        added: score columns the file lacked.
        compared: score columns the file had.
        not_known: what to check before its scores are believed.
    """

    name: str
    instrument: str
    n_items: int
    rule: str
    n_rows: int
    incomplete: int
    added: tuple[str, ...]
    compared: tuple[str, ...]
    not_known: str

    @property
    def sentence(self) -> str:
        """One line for a reader."""
        done = [f"{', '.join(self.added)} added"] if self.added else []
        done += [f"{', '.join(self.compared)} compared"] if self.compared else []
        return (
            f"scores {self.name}: {self.instrument} from {self.n_items} answers, incomplete in "
            f"{self.incomplete} of {self.n_rows} rows ({self.rule}); {'; '.join(done)}"
        )


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, as told to people and written to files.

    Attributes:
        study: id of the study.
        title: its title.
        synthetic: whether the data are made up; every report then says so first.
        diff: the diff table; without rows when nothing was fitted.
        gate: the gate's report.
        sets: the analysis sets, in plan order.
        answers: every engine's answer to every model, for ``estimates.json``.
        reference: where the reference numbers came from, in words.
        manifest: provenance.
        exit_code: of the whole run.
        command: what repeats the run; the failure lines add ``--only``.
        scripts: further text files to write, by name (``reproduce.R``).
        part: which part of the plan was run, in words; empty for all of it.
        definitions: what the means, tests of terms and effect sizes are, one line each.
        scores: the plan's questionnaires, in plan order.
        flow: the patients, counted; None when the gate refused the data.
        across: results that the run has in two analysis sets or more.
        families: what came of the tests that are adjusted together, one line a family.
    """

    study: str
    title: str
    synthetic: bool
    diff: DiffTable
    gate: GateReport | None
    sets: tuple[SetFlow, ...]
    answers: tuple[KeyedAnswer, ...]
    reference: str
    manifest: Manifest
    exit_code: int
    command: str = ""
    scripts: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    definitions: tuple[str, ...] = ()
    scores: tuple[ScoreFlow, ...] = ()
    flow: Flow | None = None
    across: tuple[AcrossSets, ...] = ()
    families: tuple[str, ...] = ()

    @property
    def banner(self) -> str:
        """What stands first in every report; empty for real data."""
        return SYNTHETIC if self.synthetic else ""
