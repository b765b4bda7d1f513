"""A reference for a test session: live R when it starts, else the record of exactly that model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.record import columns_sha256, model_identity, write_record
from harness.engines.r.recorded import RecordedEngine
from harness.engines.reference import ReferenceMode
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
        mode: ``live`` never replays a record, ``recorded`` never starts R, ``auto`` takes R when
            it starts.
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
        self._folder, self._record = folder, record
        self._must_be_live = record or mode == "live"
        self._live = None if mode == "recorded" else RLiveEngine(timeout=timeout)
        self._absent = "only records are asked for"
        self._recorded = RecordedEngine(folder, PortEngine().criterion_at)

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
        if self._live is not None:
            try:
                answer = self._live.fit(spec, data)
            except ReferenceUnavailable as missing:
                if self._must_be_live or self._live.versions:
                    raise  # R is there and failed on this model: a record would hide that
                self.close()
                self._absent = f"R is not available: {missing}"
            else:
                if self._record:
                    write_record(self._folder, key_of(spec, data), spec, data, answer)
                return answer
        try:
            return self._recorded.fit(spec, data)
        except ReferenceUnavailable as missing:
            raise ReferenceUnavailable(f"{missing}; and {self._absent}") from None

    def close(self) -> None:
        """End R."""
        if self._live is not None:
            self._live.close()
            self._live = None


def key_of(spec: ModelSpec, frame: pd.DataFrame) -> ModelKey:
    """A stable file name for a model and its data; no plan names the records of a test suite."""
    identity = f"{sorted(model_identity(spec).items())}{columns_sha256(spec, frame)}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return ModelKey("pytest", digest, spec.formula.text.partition("~")[0].strip())
