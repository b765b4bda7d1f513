"""Repeated measures (MMRM) over the same data: nlme's gls and glmmTMB beside the port.

gls is evaluated at the port's covariance (T1) and at its own tightened optimum (T2); glmmTMB where
it has the structure, under ML: its REML criterion is noisy. Under ML gls inflates its standard
errors by sqrt(n / (n - p)), and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import GRID, MODELS, TESTS
from port_r import factors_of

import harness
from harness.engines.port.repeated.fit import RepeatedFit

SCRIPT = TESTS / "engines" / "port" / "repeated" / "repeated.R"


@dataclass(frozen=True)
class Repeated:
    """A model of ``MODELS`` without its random effects, and the covariance in their place.

    ``base``: the model whose data these are in another unit; gls's own search, made for numbers
    near 1, is then left out, and its criterion at the port's covariance remains.
    """

    of: str
    subject: str
    visit: str
    covariance: str
    reml: bool = True
    optimise: bool = True
    tmb: bool = False


def _cases() -> dict[str, Repeated]:
    found = {}
    for name in MODELS:
        if name.startswith("mbsr"):
            found[f"{name}-un"] = Repeated(name, "id", "time", "un")
    for kind in ("un", "csh", "ar1", "toep"):
        for reml in (True, False):
            tmb = not reml and kind in ("un", "csh", "ar1", "toep")
            end = f"{kind}-{'reml' if reml else 'ml'}"
            for chosen in ("ITT", "completers"):
                found[f"btheb-{chosen}-{end}"] = Repeated(
                    f"btheb-visits-{chosen}-reml", "subject", "month", kind, reml, tmb=tmb
                )
            for grid in ("balanced", "unbalanced"):
                found[f"{grid}-{end}"] = Repeated(
                    f"{grid}-cells-reml", "g", "visit", kind, reml, tmb=tmb
                )
    for name in GRID:
        if name.startswith("cells-times"):
            found[f"{name}-un"] = Repeated(name, "g", "visit", "un", optimise=False)
    found["far-covariate-un"] = Repeated("far-covariate-reml", "g", "visit", "un")
    found["large-effects-un"] = Repeated(
        "large-effects-30-reml", "g", "visit", "un", optimise=False
    )
    found["near-singular-cs"] = Repeated("near-singular-intercept-reml", "g", "visit", "cs")
    found["two-wave-un"] = Repeated("two-wave-reml", "id", "time", "un")
    found["two-wave-negative-cs"] = Repeated("singular-intercept-reml", "id", "time", "cs")
    return found


CASES = _cases()
QUICK = ("mbsr-ITT-fiqr_total-reml-un", "unbalanced-csh-reml", "cells-times-1e9-reml-un")


def fixed(case: Repeated) -> str:
    formula = MODELS[case.of].formula
    return formula[: formula.index(" + (")]


@cache
def fitted(name: str) -> RepeatedFit:
    case = CASES[name]
    frame = MODELS[case.of].frame()
    return harness.mmrm(fixed(case), frame, case.subject, case.visit, case.covariance, case.reml)


def asked(name: str, folder: Path, ask: Any) -> dict[str, Any]:
    case, fit = CASES[name], fitted(name)
    order = np.lexsort((fit.seen.visit_codes, fit.seen.subject_codes))
    frame: pd.DataFrame = MODELS[case.of].frame().iloc[order].reset_index(drop=True)
    facts = {
        "formula": fixed(case), "subject": case.subject, "visit": case.visit, "reml": case.reml,
        "covariance": case.covariance, "optimise": case.optimise, "glmmtmb": case.tmb,
        "at": fit.covariance_matrix.tolist(), "factors": factors_of(frame),
    }  # fmt: skip
    found: dict[str, Any] = ask(folder, name, frame, facts)
    return found


def off(got: Any, wanted: Any) -> float:
    return float(np.abs(np.asarray(got) / np.asarray(wanted) - 1.0).max())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, id=f"{n}::mmrm", marks=() if n in QUICK else (pytest.mark.exhaustive,))
        for n in CASES
    ],
)
def test_gls_and_glmmtmb(name: str, tmp_path: Path) -> None:
    fit, said = fitted(name), asked(name, tmp_path, ask_gls)
    table, sd = fit.table(), np.sqrt(fit.variances.to_numpy())
    # gls counts n in the place of n - p under ML.
    wide = 1.0 if CASES[name].reml else np.sqrt(fit.n_obs / (fit.n_obs - len(fit.names)))
    far = 100.0 if name.startswith("far-") else 1.0  # R's inverse with ages near 2026

    def column(part: str, quantity: str) -> np.ndarray:
        return np.array([row[quantity] for row in said[part]["fixed"]])

    def apart(values: Any) -> float:
        other = np.asarray(values, dtype=float).reshape(len(sd), len(sd))
        return float(np.abs((fit.covariance_matrix - other) / np.outer(sd, sd)).max())

    assert fit.converged
    there = said["there"]
    assert [row["term"] for row in there["fixed"]] == list(fit.names)
    at = {
        "criterion": (abs(fit.criterion - there["fit"]["criterion"]), 1e-8),
        "beta": (np.abs((fit.beta - column("there", "estimate")) / table.std_error).max(), 1e-9),
        "se": (off(table.std_error * wide, column("there", "std_error")), 1e-10 * far),
        "covariance": (apart(there["covariance_matrix"]), 1e-10),
        **{key: (abs(getattr(fit.statistics, key) - there["fit"][key]), 1e-8)
           for key in ("loglik",)},
    }  # fmt: skip
    assert not {key: pair for key, pair in at.items() if not pair[0] <= pair[1]}
    if CASES[name].optimise:
        own = said["own"]
        excess = own["fit"]["criterion"] - fit.criterion
        assert -1e-9 < excess < 1e-7
        # A fit d deviance units above the minimum is within sqrt(d) standard errors of it.
        near = 1e-6 + 2.0 * np.sqrt(max(excess, 0.0))
        assert np.abs((fit.beta - column("own", "estimate")) / table.std_error).max() < near
        assert off(table.std_error * wide, column("own", "std_error")) < near
        assert apart(own["covariance_matrix"]) < near
        for key in ("aic", "bic", "loglik"):
            assert getattr(fit.statistics, key) == pytest.approx(own["fit"][key], abs=1e-7)
    if CASES[name].tmb:
        tmb = said["tmb"]
        near = 1e-6 + 2.0 * np.sqrt(max(tmb["criterion"] - fit.criterion, 0.0))
        assert tmb["criterion"] == pytest.approx(fit.criterion, abs=2e-7)
        # Its criterion is right to 2e-7, which is 1e-3 of a parameter's standard error.
        assert apart(tmb["covariance_matrix"]) < max(near, 1e-3)


def ask_gls(folder: Path, name: str, frame: pd.DataFrame, facts: dict[str, Any]) -> dict[str, Any]:
    """``repeated.R`` on one model."""
    import json
    import subprocess

    frame.to_csv(folder / "model.csv", index=False, float_format="%.17g")
    told = {name: {"file": "model.csv", **facts}}
    (folder / "models.json").write_text(json.dumps(told), encoding="utf-8")
    said = subprocess.run(
        ["Rscript", "--vanilla", str(SCRIPT), str(folder), str(TESTS.parent / "r_reference")],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)[name]
    return found
