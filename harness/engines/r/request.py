"""A specification as the request that ``r_reference/answer.R`` reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.language.formula import Formula
from harness.language.nodes import to_json
from harness.models.spec import ModelSpec


def fit_request(spec: ModelSpec, also_at: Sequence[Sequence[float]] = ()) -> dict[str, Any]:
    """The request for a fit: ``lmer``, ``lm`` or, by visit, ``mmrm``. The data go separately.

    Args:
        spec: the model.
        also_at: thetas at which a model that has one is evaluated besides. One that is none of this
            model is passed over, here if it is not finite, else by R.
    """
    finite = [[float(v) for v in theta] for theta in also_at if all(map(math.isfinite, theta))]
    thetas = {"also_at": finite} if finite else {}
    return {
        "question": spec.method,
        "formula": formula_json(spec.formula),
        "reml": spec.reml,
        "df_method": spec.df_method,
        "conf_level": spec.conf_level,
        **extras(spec),
        **(thetas if spec.method != "lm" else {}),
        **asked_besides(spec),
    }


def asked_besides(spec: ModelSpec) -> dict[str, Any]:
    """What is asked of the same fit besides, only where there is any."""
    return {} if spec.besides is None else {"besides": spec.besides.as_json()}


def criterion_request(spec: ModelSpec, theta: Sequence[float]) -> dict[str, Any]:
    """The request for the criterion at a given theta."""
    return {
        "question": "criterion",
        "formula": formula_json(spec.formula),
        "reml": spec.reml,
        "theta": [float(value) for value in theta],
        **extras(spec),
    }


def extras(spec: ModelSpec) -> dict[str, Any]:
    """Weights, offset, censoring, contrasts and covariance by visit, each only where there is."""
    found: dict[str, Any] = {}
    if spec.repeated is not None:
        found |= asdict(spec.repeated)
    if spec.weights:
        found["weights"] = spec.weights
    if spec.offset:
        found["offset"] = spec.offset
    if spec.censored:
        found["censored"] = spec.censored
    if spec.contrasts:
        found["contrasts"] = {
            column: coding
            if isinstance(coding, str)
            else {"matrix": [list(row) for row in coding.rows], "names": list(coding.names)}
            for column, coding in spec.contrasts
        }
    return found


def formula_json(formula: Formula) -> dict[str, Any]:
    """A formula as the syntax trees that ``r_reference/formula.R`` rebuilds."""
    return {"response": to_json(formula.response), "rhs": to_json(formula.tree)}
