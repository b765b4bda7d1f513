"""Engines that answer what they are told to, and write down what they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from estimates_by_hand import pair, with_value

from harness.errors import HarnessError
from harness.language.formula import parse_formula
from harness.models.record import AtTheta, Coefficient, Estimates
from harness.models.spec import ModelSpec

SPEC = ModelSpec(parse_formula("bdi ~ week + (week | subject)"))
FRAME = pd.DataFrame({"bdi": [20.0, 11.0, 25.5], "week": [0.0, 2.0, 0.0]}, index=[7, 8, 9])
START = AtTheta("start", (1.0, 0.0, 1.0), 1301.25, 5.5, (Coefficient("week", -0.5, 0.25),))
R_THETA = (1.5, -0.25, 0.5)
"""Where the reference's search ended, in these tests; the port's ended at THETA."""


def answers() -> tuple[Estimates, Estimates]:
    python, r = pair()
    return python, replace(r, theta=R_THETA)


def with_criterion(answer: Estimates, value: float) -> Estimates:
    return with_value(answer, "", "criterion", value)


@dataclass
class OnlyFits:
    """An engine that can do nothing but fit."""

    answer: Estimates | HarnessError
    name: str = "port"
    heard: list[tuple[Any, ...]] = field(default_factory=list)

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        self.heard.append(("fit", spec, tuple(frame.index)))
        if isinstance(self.answer, HarnessError):
            raise self.answer
        return self.answer


class Criterion(OnlyFits):
    """And evaluates its criterion: 1000 and the first of theta."""

    def criterion_at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> Any:
        self.heard.append(("criterion_at", spec, tuple(frame.index), theta))
        return np.float64(1000 + theta[0])


class Everything(Criterion):
    """And all of its numbers, at one theta or at several."""

    def at(self, spec: ModelSpec, frame: pd.DataFrame, theta: tuple[float, ...]) -> Estimates:
        self.heard.append(("at", spec, tuple(frame.index), theta))
        return replace(with_criterion(answers()[0], 1234.25), theta=theta)

    def evaluated_at(
        self, spec: ModelSpec, frame: pd.DataFrame, thetas: list[tuple[float, ...]]
    ) -> list[AtTheta]:
        self.heard.append(("evaluated_at", spec, tuple(frame.index), thetas))
        return [replace(START, place="mine", theta=theta, criterion=1300.0) for theta in thetas]
