"""What is asked of a model's marginal means, in the words both sides understand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from models import Model

from harness.engines.port.fit import Fit

FULL_NAME = {"sw": "satterthwaite", "kr": "kenward-roger"}
ADJUSTMENTS = ("none", "holm", "bonferroni", "sidak", "scheffe", "BH", "tukey")


def question(kind: str, df: str, **more: Any) -> dict[str, Any]:
    plain = {"specs": [], "by": [], "at": {}, "weights": "", "var": "", "contrast": []}
    return {"kind": kind, "df": df, "adjust": ["none"], **plain, **more}


def questions_of(model: Model) -> list[dict[str, Any]]:
    """Every question of a model; Kenward-Roger has no answer under ML."""
    if not (model.factor or model.number):
        return []
    methods = ["sw", "kr"] if model.reml else ["sw"]
    return [q for df in methods for q in _asked(model, df)]


def _asked(model: Model, df: str) -> list[dict[str, Any]]:
    found = [question("joint", df)]
    factor, number = [model.factor] if model.factor else [], model.number
    by = [model.by] if model.by else []
    at = {}
    if number:
        low, high = np.quantile(model.frame()[number], [0.1, 0.8]).round(1).tolist()
        at = {number: [low, high]}
        found += [
            question("means", df, specs=[number, *factor], at=at),
            question("contrast", df, specs=[number], at=at, contrast="pairwise"),
            question("trend", df, specs=factor, var=number),
        ]
    if not factor:
        return found
    levels = len(model.frame()[factor[0]].cat.categories)
    own = {"first": [1.0, *[-1.0 / (levels - 1)] * (levels - 1)]}
    usual = [weights for weights in ("equal", "proportional", "cells") if by or weights != "cells"]
    found += [question("means", df, specs=factor, weights=weights) for weights in usual]
    found += [question("means", df, specs=factor, by=by, adjust=["bonferroni"])] if by else []
    found += [
        question("contrast", df, specs=factor, by=by, contrast="pairwise", adjust=[*ADJUSTMENTS]),
        question("contrast", df, specs=factor, by=by, contrast="trt.vs.ctrl", adjust=["holm"]),
        question("contrast", df, specs=factor, by=by, contrast=own),
    ]
    if levels > 2:
        found.append(question("contrast", df, specs=factor, by=by, contrast="poly"))
    return found


def answered(fit: Fit, questions: list[dict[str, Any]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The port's answers, column by column as ``questions.R``: values and standard errors."""
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def put(name: str, values: Any, unit: Any) -> None:
        values = np.asarray(values, dtype=float).ravel()
        parts.setdefault(name, []).append((values, np.broadcast_to(unit, values.shape)))

    for q in questions:
        kind, df = q["kind"], q["df"]
        if kind == "joint":
            table = fit.joint_tests(df=FULL_NAME[df])
            put(f"joint_{df}_f", table[table["num_df"] > 0]["f_value"], 1.0)
            continue
        for adjust, table in _tables(fit, q, FULL_NAME[df]):
            se = table["std_error"].to_numpy()
            value = next(c for c in ("emmean", "trend", "estimate") if c in table)
            put(f"{kind}_{df}_estimate", table[value], se)
            put(f"{kind}_{df}_se", se, 1.0)
            put(f"{kind}_{df}_df", table["df"], 1.0)
            put(f"{kind}_{df}_{'tukey' if adjust == 'tukey' else 'p'}", table["p_value"], 1.0)
            if adjust != "tukey":
                ends = table[["conf_low", "conf_high"]].to_numpy()
                put(f"{kind}_{df}_ci", ends, np.repeat(se, 2))
    return {
        name: (np.concatenate([v for v, _ in of]), np.concatenate([u for _, u in of]))
        for name, of in parts.items()
    }


def _tables(fit: Fit, q: dict[str, Any], df: Any) -> Iterator[tuple[str, pd.DataFrame]]:
    """The table of a question by each of its adjustments."""
    by, at, weights = q["by"] or None, q["at"] or None, q["weights"] or "equal"
    for adjust in q["adjust"]:
        if q["var"]:
            yield adjust, fit.emtrends(q["specs"], q["var"], df=df).table(tests=True)
        elif q["contrast"]:
            means = fit.emmeans(q["specs"], by, at=at, weights=weights, df=df)
            yield adjust, means.contrast(q["contrast"], adjust=adjust).table()
        else:
            means = fit.emmeans(q["specs"], by, at=at, weights=weights, df=df, adjust=adjust)
            yield adjust, means.table(tests=True)
