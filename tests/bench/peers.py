"""Other Python packages on the same work: their times, and whether their numbers are the port's.

Each runs in a child process with a time limit. A package that is not installed is left out of the
table; one that refuses the model, or fails, shows why. A time is marked where standard errors
differ from the port's by more than 1e-4 of themselves, or the criterion by more than 0.001.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import queue
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from row import shown
from timing import usual

from harness.engines.port.fit import Fit
from harness.language import parse_formula

LIMIT = 60.0
"""Seconds a package may take for one cell of the table."""

SAME_ERROR = 1e-4
SAME_CRITERION = 1e-3

Numbers = tuple[float, list[float]]
"""REML criterion (NaN where a package has another constant) and standard errors."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A package.

    Attributes:
        module: what is imported.
        install: what pip installs.
        fit: fits a formula to a frame.
        numbers: criterion and standard errors of its fit.
    """

    module: str
    install: str
    fit: Callable[[str, pd.DataFrame], Any]
    numbers: Callable[[Any], Numbers]


def _statsmodels(formula: str, frame: pd.DataFrame) -> Any:
    """MixedLM has one grouping factor, and its own spelling of the random effects."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    parsed = parse_formula(formula)
    if len(parsed.random) > 1:
        raise NotImplementedError("several factors")
    if len(frame) > 10_000:
        raise NotImplementedError("too large")
    term = parsed.random[0]
    slopes = "".join(f" + {slope.label}" for slope in term.terms)
    fixed = formula[: formula.index("(")].strip().rstrip("+")
    model = MixedLM.from_formula(
        fixed, frame, groups=frame[term.group[0]], re_formula=f"{int(term.intercept)}{slopes}"
    )
    return model.fit(reml=True)


def _mixedlm(formula: str, frame: pd.DataFrame) -> Any:
    import mixedlm

    return mixedlm.lmer(formula, frame)


def _lme_python(formula: str, frame: pd.DataFrame) -> Any:
    import lme_python

    return lme_python.lmer(formula, frame, reml=True)


def _glmm(formula: str, frame: pd.DataFrame) -> Any:
    import glmm

    return glmm.fit(frame, formula, satterthwaite=False)


PEERS = {
    "statsmodels": Peer(
        "statsmodels",
        "statsmodels",
        _statsmodels,
        lambda fit: (np.nan, list(np.asarray(fit.bse_fe))),
    ),
    "mixedlm": Peer(
        "mixedlm",
        "mixedlm",
        _mixedlm,
        lambda fit: (fit.REMLcrit(), list(np.sqrt(np.diag(fit.vcov())))),
    ),
    "lme-python": Peer(
        "lme_python",
        "lme-python pyarrow",
        _lme_python,
        lambda fit: (fit.reml_criterion, list(fit.std_errors)),
    ),
    "glmm": Peer("glmm", "glmm", _glmm, lambda fit: (-2.0 * fit.loglik, list(fit.se))),
}


def installed() -> tuple[str, ...]:
    """The packages that are there."""
    return tuple(name for name, p in PEERS.items() if importlib.util.find_spec(p.module))


def how_to_install() -> str:
    """One line on the packages that are not there, or nothing."""
    absent = [p.install for name, p in PEERS.items() if name not in installed()]
    return f"more columns: pip install {' '.join(absent)}" if absent else ""


def others(formula: str, frame: pd.DataFrame, port: Fit) -> dict[str, str]:
    """What every installed package takes for a fit, as shown in the table."""
    return {name: _cell(PEERS[name], formula, frame, port) for name in installed()}


def _cell(peer: Peer, formula: str, frame: pd.DataFrame, port: Fit) -> str:
    context = multiprocessing.get_context("fork")
    answers: Any = context.Queue()
    child = context.Process(target=_measured, args=(peer, formula, frame, answers), daemon=True)
    child.start()
    try:
        said = answers.get(timeout=LIMIT)
    except queue.Empty:
        said = f"over {LIMIT:g} s" if child.is_alive() else "crashed"
    child.kill()
    child.join()
    if isinstance(said, str):
        return said
    seconds, (criterion, errors) = said
    return shown(seconds) + _judged(criterion, errors, port)


def _measured(peer: Peer, formula: str, frame: pd.DataFrame, answers: Any) -> None:
    warnings.simplefilter("ignore")
    try:
        fit = peer.fit(formula, frame)
        numbers = peer.numbers(fit)
        answers.put((usual(lambda: peer.fit(formula, frame)), numbers))
    except NotImplementedError as refusal:
        answers.put(f"- ({refusal})")
    except Exception as error:  # noqa: BLE001  whatever goes wrong in a stranger is its answer
        answers.put(f"- ({type(error).__name__})")


def _judged(criterion: float, errors: list[float], port: Fit) -> str:
    """What of a package's numbers is not the port's, in brackets; nothing if all is."""
    ours = np.sqrt(port.vcov.diagonal())
    if len(errors) != len(ours):
        return " (other coefficients)"
    notes = []
    off = float(np.abs(np.sort(errors) / np.sort(ours) - 1.0).max())
    if not off <= SAME_ERROR:
        notes.append(f"SE off {off:.1g}")
    if abs(criterion - port.criterion) > SAME_CRITERION:
        notes.append(f"criterion {criterion - port.criterion:+.2g}")
    return f" ({', '.join(notes)})" if notes else ""
