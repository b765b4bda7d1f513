"""A reference for a test session: live R when it starts, else the record of exactly that model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from harness.engines.r.record import columns_sha256, model_identity, write_record
from harness.engines.reference import ReferenceMode, References, open_references
from harness.errors import ReferenceUnavailable
from harness.language import parse_formula
from harness.models.contrasts import codings
from harness.models.record import Estimates
from harness.models.spec import DfMethod, ModelKey, ModelSpec


class SessionReference:
    """References by formula and data, for the pytest fixture ``r_reference``.

    Args:
        folder: where records are read and written.
        record: fit everything in R and write the records; R must be there.
        mode: as of ``open_references``.
        timeout: seconds one fit in R may take.
    """

    def __init__(
        self,
        folder: Path,
        *,
        record: bool = False,
        mode: ReferenceMode = "auto",
        timeout: float = 120.0,
    ) -> None:
        self._folder, self._record, self._timeout = folder, record, timeout
        self._mode: ReferenceMode = "live" if record else mode
        self._open = ExitStack()
        self._references: References | None = None
        self._asked: dict[int, tuple[Estimates, ModelSpec, pd.DataFrame]] = {}

    def fit(
        self,
        formula: str,
        data: pd.DataFrame,
        *,
        reml: bool = True,
        df: DfMethod = "satterthwaite",
        conf_level: float = 0.95,
        weights: str = "",
        offset: str = "",
        contrasts: Mapping[str, Any] | None = None,
    ) -> Estimates:
        """R's answer to one model; text columns are factors with levels in code-point order.

        Raises:
            ReferenceUnavailable: neither R nor a record of this model on these data.
            HarnessError: the formula, the data or the record is wrong.
        """
        spec = ModelSpec(
            *(parse_formula(formula), reml, df, conf_level, weights, offset),
            contrasts=codings(contrasts),
        )
        references = self._opened()
        try:
            answer = references.engines[0].fit(spec, data)
        except ReferenceUnavailable as missing:
            if not references.without_r:
                raise  # R is there and failed on this model: a record would hide that
            raise ReferenceUnavailable(f"{missing}; and {references.without_r}") from None
        if self._record:
            write_record(self._folder, key_of(spec, data), spec, data, answer)
        # By identity, and kept alive by the entry: an equal answer to another question is another.
        self._asked[id(answer)] = (answer, spec, data)
        return answer

    def question(self, answer: Estimates) -> tuple[ModelSpec, pd.DataFrame] | None:
        """Model and data that an answer of this session is to; None for anybody else's."""
        if id(answer) not in self._asked:
            return None
        _, spec, data = self._asked[id(answer)]
        return spec, data

    def close(self) -> None:
        """End R."""
        self._open.close()
        self._references = None

    def _opened(self) -> References:
        """The references, opened by the first question: a session without one starts no R."""
        if self._references is None:
            opening = open_references(
                self._mode, records=self._folder, timeout=self._timeout, cached=not self._record
            )
            self._references = self._open.enter_context(opening)
        return self._references


def key_of(spec: ModelSpec, frame: pd.DataFrame) -> ModelKey:
    """A stable file name for a model and its data; no plan names the records of a test suite."""
    identity = f"{sorted(model_identity(spec).items())}{columns_sha256(spec, frame)}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return ModelKey("pytest", digest, spec.formula.text.partition("~")[0].strip())
