"""A plan as tests: one for its gate, one for each model, named ``study/analysis/set/outcome``.

Where p values are adjusted over families of models, one more, ``study/families``, holds those.

Collecting reads the plan and nothing else, so every process of a distributed run finds the same
names. Data, gate and references are opened once a process, by the first item that runs in it; a
model is fitted by its own item, so a distributed run fits each model once.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import EXIT_OK, HarnessError

if TYPE_CHECKING:
    import pandas as pd

    from harness.compare.fits import Fitted
    from harness.compare.table import DiffTable
    from harness.data.study import Study
    from harness.engines.reference import ReferenceMode, References
    from harness.gate.verdict import GateReport
    from harness.models.spec import ModelKey, ModelTask
    from harness.sets.analysis_set import AnalysisSet


class Red(Exception):
    """A comparison that does not hold, told in lines."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A study whose data passed the gate, with what its models are fitted from."""

    study: Study
    frame: pd.DataFrame
    sets: dict[str, AnalysisSet]
    references: References


class PlanRun:
    """One plan in one process: opened by the first item that needs it.

    Args:
        path: the plan file.
        mode: where reference numbers come from; the plan's own choice when None.
    """

    def __init__(self, path: Path, mode: ReferenceMode | None) -> None:
        self._path, self._mode = path, mode
        self._held = ExitStack()
        self._gate: tuple[Study, GateReport] | HarnessError | None = None
        self._opened: _Opened | HarnessError | None = None
        self._fits: dict[ModelKey, Fitted] = {}

    def gate(self) -> GateReport:
        """The gate's report, made once.

        Raises:
            HarnessError: the study cannot be opened.
        """
        return self._gated()[1]

    def compare(self, place: str) -> DiffTable:
        """Fit one model in both engines and compare; the gate must have passed.

        Raises:
            HarnessError: the study or its references cannot be opened.
        """
        from harness.compare.table import join
        from harness.models.expand import tasks
        from harness.pipeline import model_rows

        opened = self._open()
        study = opened.study
        planned = tasks(study.plan, study.improvements)
        fits = self._fitted(opened, [task for task in planned if task.key.place == place])
        return join(model_rows(f, opened.study, opened.sets, opened.frame) for f in fits)

    def compare_families(self) -> DiffTable:
        """Adjust the p values of every family in both engines and compare; else as ``compare``."""
        from harness.compare.families import adjust_families, with_adjusted
        from harness.compare.family_rows import with_families
        from harness.compare.table import DiffTable
        from harness.models.expand import tasks
        from harness.models.families import families
        from harness.pipeline import model_rows

        opened = self._open()
        plan, frame, sets = opened.study.plan, opened.frame, opened.sets
        every = tasks(plan, opened.study.improvements)
        planned = families(plan, every)
        keys = {member.key for family in planned for member in family.members}
        fits = self._fitted(opened, [task for task in every if task.key in keys])
        found = adjust_families(planned, fits, sets, frame, opened.references.engines[0])
        fits = with_adjusted(fits, found)
        models = [model_rows(f, opened.study, sets, frame) for f in fits]
        rows = (row for model in with_families(models, fits, found) for row in model)
        return DiffTable(tuple(row for row in rows if row.quantity == "p_adjusted"))

    def _fitted(self, opened: _Opened, chosen: Sequence[ModelTask]) -> tuple[Fitted, ...]:
        """Both answers to some models; each is asked for once a process."""
        from harness.compare.fits import fit_tasks
        from harness.engines.registry import engine_named

        port, references = engine_named("port"), opened.references.engines
        new = [task for task in chosen if task.key not in self._fits]
        for fitted in fit_tasks(new, opened.sets, opened.frame, port, references):
            self._fits[fitted.task.key] = fitted
        return tuple(self._fits[task.key] for task in chosen)

    def close(self) -> None:
        """End R, if this process started it."""
        self._held.close()

    def _gated(self) -> tuple[Study, GateReport]:
        from harness.data.study import open_study
        from harness.pipeline import gate_study

        if self._gate is None:
            try:
                study = open_study(self._path)
                self._gate = (study, gate_study(study))
            except HarnessError as error:
                self._gate = error
        if isinstance(self._gate, HarnessError):
            raise self._gate
        return self._gate

    def _open(self) -> _Opened:
        from harness.data.derive import derive
        from harness.engines.reference import open_references
        from harness.sets.enough import sufficient_sets

        if self._opened is None:
            study, _ = self._gated()
            wanted = study.plan.reference
            asked = open_references(
                self._mode or wanted.mode,
                records=study.folder / "reference",
                timeout=wanted.timeout,
            )
            try:
                frame = derive(study)
                references = self._held.enter_context(asked)
                self._opened = _Opened(study, frame, sufficient_sets(study, frame), references)
            except HarnessError as error:
                self._opened = error
        if isinstance(self._opened, HarnessError):
            raise self._opened
        return self._opened


RUNS = pytest.StashKey[dict[Path, PlanRun]]()
"""The session's plans, by file."""


class PlanFile(pytest.File):
    """The items of one plan; collecting them fits nothing and reads no data."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for the gate, one for each model in plan order, one for the families."""
        from harness.models.expand import tasks
        from harness.plan import load_plan

        try:
            plan = load_plan(self.path)
        except HarnessError as error:
            raise self.CollectError(str(error)) from error
        study = plan.study.id
        yield GateItem.from_parent(self, name=f"{study}/gate")
        for task in tasks(plan):
            place = task.key.place
            yield ModelItem.from_parent(self, name=f"{study}/{place}", place=place)
        if any(one.adjust and one.adjust.method != "none" for one in plan.analyses):
            yield FamiliesItem.from_parent(self, name=f"{study}/families")


class PlanItem(pytest.Item):
    """What gate and model have in common: their plan, and how they fail."""

    @property
    def run(self) -> PlanRun:
        """The plan's run in this process."""
        return self.config.stash[RUNS][self.path]

    @property
    def command(self) -> str:
        """What runs the plan outside pytest, as typed where pytest was started."""
        plan = os.path.relpath(self.path, self.config.invocation_params.dir)
        mode = self.config.getoption("harness_reference")
        return shlex.join(["harness", "run", plan, *(["--reference", mode] if mode else [])])

    def refusal(self) -> str:
        """Which rules keep the data from being analysed; empty when none does."""
        from harness.plain import plain

        report = self.run.gate()
        if report.exit_code == EXIT_OK:
            return ""
        in_the_way = [rule for rule in report.rules if rule.exit_code != EXIT_OK]
        lines = [
            f"gate: {report.verdict}, {len(in_the_way)} of {len(report.rules)} rules in the way; "
            "nothing was fitted"
        ]
        for rule in in_the_way:
            counted = "" if rule.n_failed is None else f", {rule.n_failed} of {rule.n_judged}"
            detail = f" ({rule.detail})" if rule.detail else ""
            lines.append(f"  {rule.rule}: {rule.verdict}{counted}: {rule.sentence}{detail}")
        gate = self.command.replace("harness run", "harness gate", 1).partition(" --reference")[0]
        return "\n".join([*map(plain, lines), f"reproduce: {gate}"])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The lines themselves for what a user can act on, a traceback for anything else."""
        if isinstance(excinfo.value, Red | HarnessError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The plan, and the item's own name."""
        return self.path, None, self.name


class GateItem(PlanItem):
    """``study/gate``: may these data be analysed?"""

    def runtest(self) -> None:
        """Fails with the rules that are in the way."""
        refused = self.refusal()
        if refused:
            raise Red(refused)


class ModelItem(PlanItem):
    """``study/analysis/set/outcome``: do both engines give the same numbers for this model?"""

    def __init__(self, *, place: str, **given: Any) -> None:
        super().__init__(**given)
        self._place = place

    def table(self) -> DiffTable:
        """What is compared."""
        return self.run.compare(self._place)

    def runtest(self) -> None:
        """Fails with the red rows; skipped where the gate refused and its own item says so."""
        from harness.report.failure import counts_line, failure_lines

        refused = self.refusal()
        if refused:
            if self._gate_is_run():
                pytest.skip(f"the gate refused the data, see {self.name.partition('/')[0]}/gate")
            raise Red(refused)
        table = self.table()
        if table.exit_code != EXIT_OK:
            lines = [counts_line(table.counts), *failure_lines(table.rows, self.command)]
            raise Red("\n".join(lines))

    def _gate_is_run(self) -> bool:
        """Whether the item that fails for all models was selected, too (``-k`` may drop it)."""
        items = self.session.items
        return any(isinstance(item, GateItem) and item.path == self.path for item in items)


class FamiliesItem(ModelItem):
    """``study/families``: are the p values of each family adjusted alike by both engines?"""

    def __init__(self, **given: Any) -> None:
        super().__init__(place="", **given)

    def table(self) -> DiffTable:
        """The adjusted p values of every family."""
        return self.run.compare_families()
