"""Models for the tests of predictions, and their dense matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from port_data import classic, longitudinal, trial_by_site, two_wave
from scipy.linalg import block_diag

import harness
from harness.engines.port.fit import Fit

SLOPES = "Reaction ~ Days + (Days | Subject)"


@dataclass(frozen=True)
class Model:
    data: Callable[[], pd.DataFrame]
    formula: str
    one: str
    """R's spelling of the random terms of the first factor."""
    weights: str = ""
    reml: bool = True


def unbalanced() -> pd.DataFrame:
    return longitudinal(5, groups=25)


def extra() -> pd.DataFrame:
    rng = np.random.default_rng(9)
    frame = unbalanced()
    return frame.assign(
        w=rng.uniform(0.2, 5.0, len(frame)), shift=rng.normal(size=len(frame)), z=frame["t"] ** 2
    )


def sites() -> pd.DataFrame:
    return trial_by_site(1, patients=25, sites=5)


def singular() -> pd.DataFrame:
    return longitudinal(4, groups=20, sd=(1.0, 0.0), missing=0.3)


MODELS = {
    "sleepstudy": Model(lambda: classic("sleepstudy"), SLOPES, "~ (Days | Subject)"),
    "uncorrelated": Model(
        lambda: classic("sleepstudy"), "Reaction ~ Days + (Days || Subject)", "~ (Days || Subject)"
    ),
    "two-wave": Model(two_wave, "y ~ arm * time * scale(z) + (1 | id)", "~ (1 | id)"),
    "unbalanced": Model(unbalanced, "y ~ arm * t + (t | g)", "~ (t | g)"),
    "ml": Model(unbalanced, "y ~ arm * t + (t | g)", "~ (t | g)", reml=False),
    "singular": Model(singular, "y ~ arm * t + (t | g)", "~ (t | g)"),
    "nano": Model(
        lambda: unbalanced().assign(y=lambda d: 1e-6 * d["y"]), "y ~ arm * t + (t | g)", "~ (t | g)"
    ),
    "giga": Model(
        lambda: unbalanced().assign(y=lambda d: 1e9 * d["y"]), "y ~ arm * t + (t | g)", "~ (t | g)"
    ),
    "far-from-zero": Model(
        lambda: unbalanced().assign(t=lambda d: d["t"] + 1000.0),
        "y ~ arm * t + (1 | g)",
        "~ (1 | g)",
    ),
    "weights-offset": Model(
        extra, "y ~ arm * t + offset(shift) + (t | g)", "~ (t | g)", weights="w"
    ),
    "constants-of-the-fit": Model(extra, "y ~ poly(t, 2) + scale(z) + (t | g)", "~ (t | g)"),
    "three-effects": Model(
        lambda: classic("cake"), "angle ~ recipe + (recipe | replicate)", "~ (recipe | replicate)"
    ),
    "penicillin": Model(
        lambda: classic("Penicillin"), "diameter ~ 1 + (1 | plate) + (1 | sample)", "~ (1 | plate)"
    ),
    "pastes": Model(
        lambda: classic("Pastes"), "strength ~ 1 + (1 | batch/cask)", "~ (1 | cask:batch)"
    ),
    "crossed": Model(sites, "y ~ arm * t + (t | id) + (1 | rater)", "~ (t | id)"),
    "crossed-both": Model(
        sites, "y ~ arm * t + (1 | site) + (t || id) + (t | rater)", "~ (t || id)"
    ),
}


def fit_of(name: str, frame: pd.DataFrame) -> Fit:
    model = MODELS[name]
    return harness.lmer(model.formula, frame, model.reml, weights=model.weights or None)


@cache
def fitted(name: str) -> Fit:
    return fit_of(name, MODELS[name].data())


@dataclass(frozen=True)
class Dense:
    """Z (n, Q), S (Q, Q), V (n, n) relative to sigma squared, residual weights included.

    ``place`` has for each factor the columns (G, q) of its groups' effects.
    """

    X: np.ndarray
    Z: np.ndarray
    S: np.ndarray
    V: np.ndarray
    place: dict[str, np.ndarray]

    @property
    def covariance(self) -> np.ndarray:
        """Conditional covariance of the effects given beta."""
        return self.S - self.S @ self.Z.T @ np.linalg.solve(self.V, self.Z @ self.S)


def dense(fit: Fit) -> Dense:
    design = fit.design
    n = fit.n_obs
    spans = fit.surface.data.structure.spans()
    codes = {g.label: g.codes for g in design.groupings}
    parts, covariances = [], []
    place: dict[str, list[np.ndarray]] = {}
    start = 0
    for term, span in zip(design.random, spans, strict=True):
        G, q = int(codes[term.group].max()) + 1, len(term.names)
        Z = np.zeros((n, G * q))
        for j, column in enumerate(term.columns):
            Z[np.arange(n), codes[term.group] * q + j] = column
            place.setdefault(term.group, []).append(start + np.arange(G) * q + j)
        start += G * q
        factor = fit._solution.Lambda[span, span]
        parts.append(Z)
        covariances.append(np.kron(np.eye(G), factor @ factor.T))
    Z, S = np.hstack(parts), block_diag(*covariances)
    residual = np.ones(n) if design.weights is None else 1.0 / design.weights
    return Dense(
        design.X,
        Z,
        S,
        np.diag(residual) + Z @ S @ Z.T,
        {k: np.stack(v, 1) for k, v in place.items()},
    )
