"""``harness power``: how large must an effect be for each model of a plan to find it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.fits import Progress
from harness.data.derive import derive
from harness.data.study import open_study
from harness.engines.port.fit import fit_design
from harness.engines.port.lm import LinearFit
from harness.engines.port.power.api import power_of_terms
from harness.errors import EXIT_OK, EXIT_USAGE, HarnessError, ModelError
from harness.models.design import Design, build_design
from harness.models.rows import rows_of
from harness.models.spec import ModelTask
from harness.pipeline import gate_study, selected_tasks
from harness.report.power import PowerReport, TermPower
from harness.sets.enough import sufficient_sets

if TYPE_CHECKING:
    from harness.gate.verdict import GateReport


@dataclass(frozen=True, slots=True)
class PlannedPower:
    """Power of the models of a plan.

    Attributes:
        report: what came of it; without terms when the gate refused the data.
        gate: the gate's report.
    """

    report: PowerReport
    gate: GateReport

    @property
    def exit_code(self) -> int:
        """The gate's code where it refused, 2 where a model has no power, else 0."""
        return self.gate.exit_code or (EXIT_USAGE if self.report.refusals else EXIT_OK)


def planned_power(
    plan: str | Path,
    *,
    only: str | None = None,
    term: str | None = None,
    effect: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    n_sim: int = 2_000,
    seed: int = 1,
    progress: Progress | None = None,
) -> PlannedPower:
    """Fit each model of a plan and simulate trials from it.

    Args:
        plan: path of the plan file.
        only: glob on ``analysis/set/outcome``.
        term: coefficient; by default those of the last term of the highest order, which in a
            trial is the one that the arms' comparison stands on.
        effect: its true value, for which the power is given too.
        power: wanted, for the detectable effect.
        alpha: two-sided level of the tests.
        n_sim: trials for each model.
        seed: of the draws.
        progress: called with (what, done, total) after each model.

    Raises:
        HarnessError: nothing can be started, or the same fault in every model.
    """
    study = open_study(plan)
    gate = gate_study(study)
    info = study.plan.study
    nothing = PowerReport(
        *(info.id, info.title, info.synthetic, study.data_sha256, n_sim, seed, alpha)
    )
    if gate.exit_code != EXIT_OK:
        return PlannedPower(nothing, gate)
    frame = derive(study)
    sets = sufficient_sets(study, frame)
    tasks = selected_tasks(study, only)
    found: list[TermPower] = []
    refusals: list[str] = []
    for done, task in enumerate(tasks, start=1):
        try:
            design = build_design(task.spec, rows_of(task, sets, frame))
            found += _of_model(task, design, term, effect, power, alpha, n_sim, seed)
        except HarnessError as error:
            refusals.append(f"{task.key.place}: {error}")
        if progress is not None:
            progress(task.key.slug, done, len(tasks))
    return PlannedPower(replace(nothing, terms=tuple(found), refusals=tuple(refusals)), gate)


def _of_model(
    task: ModelTask,
    design: Design,
    term: str | None,
    effect: float | None,
    power: float,
    alpha: float,
    n_sim: int,
    seed: int,
) -> list[TermPower]:
    if task.spec.repeated is not None:
        raise ModelError("trials are not simulated from a covariance by visit; ask of kind lmm")
    if task.spec.method == "survreg":
        raise ModelError("the power of a Tobit model is not simulated")
    fit = fit_design(design) if task.spec.mixed else LinearFit(design)
    df = task.spec.df_method
    if df == "kenward-roger":
        df = "satterthwaite"  # the batch has no other small-sample df; the table names the method
    errors = np.sqrt(np.diag(fit.covariance(df)))
    terms = foremost(design) if term is None else (term,)
    return [
        TermPower(
            key=task.key,
            term=study.term,
            df_method=study.df_method,
            std_error=float(errors[fit.names.index(study.term)]),
            outcome_sd=float(np.std(design.y, ddof=1)),
            detectable=study.detectable(power),
            at=None if effect is None else study.at(effect),
            failed=study.failed,
        )
        for study in power_of_terms(fit, terms, n_sim=n_sim, seed=seed, alpha=alpha, df=df)
    ]


def foremost(design: Design) -> tuple[str, ...]:
    """The coefficients of the last of the terms with the most variables.

    Raises:
        ModelError: a model of an intercept alone.
    """
    orders = [len(code.labels) for code in design.codes]
    for k in sorted(range(len(orders)), key=lambda k: (orders[k], k), reverse=True):
        names = tuple(
            name for name, owner in zip(design.names, design.assign, strict=True) if owner == k + 1
        )
        if names:
            return names
    raise ModelError("the model has no term but the intercept")
