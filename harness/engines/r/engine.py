"""lme4 and lm as engines, live in a child process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from harness.engines.r.answer import AnswerError, estimates_from_json
from harness.engines.r.channel import Channel, Parts
from harness.engines.r.columns import columns_of
from harness.engines.r.questions import question_columns, question_request
from harness.engines.r.request import criterion_request, fit_request
from harness.errors import ModelError, ReferenceUnavailable
from harness.models.record import Estimates
from harness.models.spec import ModelSpec


class RLiveEngine:
    """R, asked anew for every model. R starts at the first request and stays warm.

    Args:
        timeout: seconds one model may take.
        scripts: folder of the R scripts; by default those of this installation.

    Use it as a context manager, or call ``close``. Requests from several threads queue up.
    """

    def __init__(self, timeout: float = 120.0, scripts: Path | None = None) -> None:
        self._channel = Channel(timeout, scripts)
        self._retries: list[str] = []

    @property
    def name(self) -> str:
        """``lme4``; a model without random effects is answered, and signed, by ``lm``."""
        return "lme4"

    @property
    def versions(self) -> dict[str, str]:
        """What R said when it last started: R, packages, BLAS, locale; empty before that."""
        return self._channel.versions

    @property
    def parts(self) -> Parts | None:
        """Which files R consisted of when it last started; None where that is not known."""
        return self._channel.parts

    @property
    def retries(self) -> tuple[str, ...]:
        """How R died, one line for each fit that was answered only at the second attempt."""
        return tuple(self._retries)

    def start(self) -> str:
        """Start R now, if it does not run, and say which it is: ``R 4.2.2, lme4 1.1-31``.

        Raises:
            ReferenceUnavailable: R is missing or does not start.
        """
        self._channel.start()
        return version_line(self.versions)

    def fit(
        self, spec: ModelSpec, frame: pd.DataFrame, also_at: Sequence[Sequence[float]] = ()
    ) -> Estimates:
        """Fit one model by the reference recipe (``r_reference/README.md``).

        Args:
            spec: the model.
            frame: the rows.
            also_at: thetas at which to give criterion, sigma and coefficients besides.

        Returns:
            The answer; if R died once and a fresh one answered, its messages end with how.

        Raises:
            ModelError: R refuses to fit this model to these data.
            DataError: a column is missing or of a type R cannot be sent.
            ReferenceUnavailable: R is missing, crashed twice, or ran out of time.
        """
        before = len(self._retries)
        answer = self._ask(fit_request(spec, also_at), spec, frame, retry=True)
        try:
            estimates = estimates_from_json(answer)
        except AnswerError as error:
            raise ReferenceUnavailable(f"R's answer cannot be read: {error}") from error
        again = tuple(f"answered at the second attempt: {how}" for how in self._retries[before:])
        return replace(estimates, formula=spec.formula.text, messages=(*estimates.messages, *again))

    def criterion_at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> float:
        """lme4's criterion at ``theta``, nothing optimised: REML, or minus twice log-likelihood.

        Raises: as ``fit``; a ``theta`` of the wrong length is a ModelError.
        """
        return float(self._ask(criterion_request(spec, theta), spec, frame)["criterion"])

    def ask(
        self,
        question: str,
        spec: ModelSpec | None = None,
        frame: pd.DataFrame | None = None,
        /,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Ask R anything ``r_reference`` can answer: means, contrasts, tests, intervals, ...

        Args:
            question: one of :data:`harness.engines.r.questions.QUESTIONS`.
            spec: the model; none for ``adjust`` and ``hedges_g``.
            frame: the data; none for ``adjust``.
            arguments: what the question takes (``r_reference/README.md``), e.g. ``specs=["arm"]``.

        Returns:
            R's answer as plain JSON types: NaN is None, infinities ``"Inf"`` and ``"-Inf"``; if R
            died once and a fresh one answered, ``retried`` says how.

        Raises:
            ModelError: R refuses the model, or an argument is unknown or not as it must be.
            DataError: a column is missing or of a type R cannot be sent.
            ReferenceUnavailable: R is missing, crashed twice, or ran out of time.
        """
        request = question_request(question, spec, arguments)
        names = question_columns(question, spec, frame, arguments)
        if names and frame is None:
            raise ModelError(f"`{question}` needs data")
        what = f"`{question}`" + (f" of `{spec.formula.text}`" if spec is not None else "")
        sent = pd.DataFrame() if frame is None else frame
        before = len(self._retries)
        answer = self._exchange(request, sent, names, what, retry=True)
        if again := self._retries[before:]:
            answer["retried"] = again
        return answer

    def close(self) -> None:
        """End R."""
        self._channel.close()

    def __enter__(self) -> Self:
        """Itself; R starts with the first request."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End R."""
        self.close()

    def _ask(
        self, request: dict[str, Any], spec: ModelSpec, frame: pd.DataFrame, *, retry: bool = False
    ) -> dict[str, Any]:
        what = f"`{spec.formula.text}`"
        return self._exchange(request, frame, spec.columns, what, retry=retry)

    def _exchange(
        self,
        request: dict[str, Any],
        frame: pd.DataFrame,
        names: Sequence[str],
        what: str,
        *,
        retry: bool,
    ) -> dict[str, Any]:
        given = self._channel.ask(request, columns_of(frame, names), what=what, retry=retry)
        if how := given.get("retried"):
            self._retries.append(how)
        if error := given.get("error"):
            if error["kind"] == "internal":
                raise ReferenceUnavailable(f"the R scripts failed on {what}: {error['message']}")
            raise ModelError(f"R refuses {what}: {error['message']}")
        answer: dict[str, Any] = given["answer"]
        return answer


def version_line(versions: Mapping[str, str]) -> str:
    """Which R, in words: ``R 4.2.2, lme4 1.1-31``."""
    return f"R {versions['R']}, lme4 {versions['lme4']}"
