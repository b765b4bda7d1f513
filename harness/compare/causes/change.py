"""One change to what was asked: another question, other rows, or another reading of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from harness.engines.port.engine import PortEngine
from harness.models.record import Estimates
from harness.models.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Change:
    """A change, and how the port answers under it.

    Attributes:
        kind: a word for tables: ``reml``, ``df``, ``levels``, ``rows`` ...
        words: what the side that is off did, to stand behind its name: ``fitted by ML, not REML``.
        spec, frame: what was answered, where it is another question or other rows; else None.
        answer: the port's answer where it is not simply that to ``spec`` and ``frame``.
        blind: the change cannot be seen in the print of the problem, which is then not compared:
            only the counts and the numbers are.
        off_optimum: the answer is that of a theta which is no optimum. Its degrees of freedom hang
            on how the covariance is parametrised, and are held to ``NEAR`` only.
    """

    kind: str
    words: str
    spec: ModelSpec | None = None
    frame: pd.DataFrame | None = None
    answer: Callable[[], Estimates] | None = None
    blind: bool = False
    off_optimum: bool = False

    @property
    def another_problem(self) -> bool:
        """Whether there are a question and rows of its own, so that T0 can be asked first."""
        return self.spec is not None and self.frame is not None

    def answered(self) -> Estimates:
        """The port's answer under the change.

        Raises:
            HarnessError: the changed model cannot be fitted.
        """
        if self.answer is not None:
            return self.answer()
        if self.spec is None or self.frame is None:
            raise ValueError(f"the change `{self.kind}` has neither an answer nor a question")
        return PortEngine().fit(self.spec, self.frame)
