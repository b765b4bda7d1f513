"""Power of the models of a plan, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tabulate import tabulate

from harness.engines.port.power.record import Detectable, Power
from harness.models.record import as_json
from harness.models.spec import DfMethod, ModelKey
from harness.plain import plain
from harness.report.content import SYNTHETIC


@dataclass(frozen=True, slots=True)
class TermPower:
    """What a model's design can find of one coefficient.

    Attributes:
        key: which model of the plan.
        term: the coefficient.
        df_method: of the tests.
        std_error: of the coefficient in the fit.
        outcome_sd: standard deviation of the outcome over the rows used.
        detectable: the smallest effect found with the power wanted.
        at: power at an effect that was asked for; None where none was.
        failed: simulated trials on which the model cannot be fitted.
    """

    key: ModelKey
    term: str
    df_method: DfMethod
    std_error: float
    outcome_sd: float
    detectable: Detectable
    at: Power | None
    failed: int


@dataclass(frozen=True, slots=True)
class PowerReport:
    """Power of the models of a study, as told to people.

    Attributes:
        study, title, synthetic: which study.
        data_sha256: hash of its data.
        n_sim, seed, alpha: of the simulations.
        terms: one for each coefficient asked for, in plan order.
        refusals: models without power, one line each.
    """

    study: str
    title: str
    synthetic: bool
    data_sha256: str
    n_sim: int
    seed: int
    alpha: float
    terms: tuple[TermPower, ...] = ()
    refusals: tuple[str, ...] = ()


def render_power(found: PowerReport) -> str:
    """A line a coefficient: its detectable effect, in the outcome's unit and in its SD."""
    lines = [plain(f"{found.title or found.study} ({found.study})")]
    if found.synthetic:
        lines.append(SYNTHETIC)
    if found.terms:
        wanted = found.terms[0].detectable.power
        effect = found.terms[0].at.effect if found.terms[0].at is not None else None
        header = ["model", "term", "SE", f"found with power {wanted:g}", "95 % (Monte Carlo)"]
        header += ["in SD of outcome", "df"]
        header += [] if effect is None else [f"power at {effect:g}", "exaggerated by"]
        rows = []
        for term in found.terms:
            size = term.detectable
            row = [
                term.key.place, term.term, f"{term.std_error:.4g}", f"{size.effect:.4g}",
                f"{size.low:.4g} to {size.high:.4g}", f"{size.effect / term.outcome_sd:.3g}",
                term.df_method,
            ]  # fmt: skip
            if term.at is not None:
                row += [
                    f"{term.at.power:.3f} ({term.at.low:.3f} to {term.at.high:.3f})",
                    f"{term.at.exaggeration:.3g}",
                ]
            rows.append([plain(cell) for cell in row])
        table = tabulate(rows, headers=header, tablefmt="simple", disable_numparse=True)
        lines += ["", table, ""]
    lines.append(
        f"{found.n_sim} simulated trials a model (seed {found.seed}), the rows and variance "
        f"components of each model, two-sided p < {found.alpha:g}"
    )
    return "\n".join(lines)


def power_json(found: PowerReport) -> str:
    """The same at full precision."""
    document = {
        "version": 1,
        "study": found.study,
        "synthetic": found.synthetic,
        "data_sha256": found.data_sha256,
        "n_sim": found.n_sim,
        "seed": found.seed,
        "alpha": found.alpha,
        "terms": as_json(found.terms),
        "refusals": list(found.refusals),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
