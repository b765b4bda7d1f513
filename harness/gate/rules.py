"""The trial rules as Great Expectations' own expectations; importing this registers them.

Each pairs a metric, which calls a pure check of :mod:`harness.gate.checks`, with an expectation
that turns the check's judgement into a GX result. They are whole-table expectations, not GX's row
maps, because a row map counts only what is missing as not judged, while here an unknown
expression, a baseline row of a change, and a patient without a gap are not judged either, and a
rule that judged nothing must be seen.

Import this module only where Great Expectations is wanted: it takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from great_expectations.compatibility.pydantic import StrictFloat, StrictInt, StrictStr
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from harness.gate import checks
from harness.gate.checks import Judgement


def _register(name: str, check: Callable[..., Judgement], arguments: tuple[str, ...]) -> None:
    """Register a metric ``trial.<name>`` that calls ``check`` with the rule's ``arguments``."""

    @metric_value(engine=PandasExecutionEngine)
    def judge(
        cls: type,
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> Judgement:
        frame, _, _ = execution_engine.get_compute_domain(
            metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        given = {k: v for k, v in metric_value_kwargs.items() if v is not None}
        return check(frame, **given)

    # GX registers a metric when its class is made.
    type(
        f"Trial{name.title().replace('_', '')}",
        (TableMetricProvider,),
        {"metric_name": f"trial.{name}", "value_keys": arguments, "_judge": judge},
    )


class TrialExpectation(BatchExpectation):
    """Base of the trial rules: a judgement becomes counts and the list of failing cells."""

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "table")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        judgement: Judgement = metrics[self.metric_dependencies[0]]
        rows, columns = np.nonzero(judgement.failed)
        judged = int(judgement.judged.sum())
        return {
            "success": judgement.success,
            "result": {
                "element_count": int(judgement.judged.size),
                "missing_count": int(judgement.judged.size) - judged,
                "unexpected_count": None if judgement.holds is not None else int(rows.size),
                "details": {
                    "detail": judgement.detail,
                    "columns": judgement.columns,
                    "cells": [(int(r), int(c)) for r, c in zip(rows, columns, strict=True)],
                },
            },
        }


class ExpectCellsToBeBetween(TrialExpectation):
    """Every number in the columns lies within the limits."""

    column_list: list[str]
    min_value: float | None = None
    max_value: float | None = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.cells_between",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list", "min_value", "max_value")


class ExpectCellsToBeInSet(TrialExpectation):
    """Every number in the columns is one of a set."""

    column_list: list[str]
    value_set: list[float]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.cells_in",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list", "value_set")


class ExpectCellsToBeWhole(TrialExpectation):
    """Every number in the columns is a whole number."""

    column_list: list[str]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.cells_whole",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list",)


class ExpectCellsNotToBeCodes(TrialExpectation):
    """No cell in the columns holds a missing-value code."""

    column_list: list[str]
    codes: list[StrictInt | StrictFloat | StrictStr]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.cells_not_codes",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list", "codes")


class ExpectShareMissingToBeAtMost(TrialExpectation):
    """No column misses more than a share, nor everything in a group of rows."""

    column_list: list[str]
    at_most: float = 0.0
    by: list[str] | None = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.missing_at_most",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list", "at_most", "by")


class ExpectRowsToSatisfy(TrialExpectation):
    """Every row satisfies a restricted expression."""

    expression: str
    unit: str | None = None
    time: str | None = None
    baseline: str | None = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.rows_satisfy",)
    success_keys: ClassVar[tuple[str, ...]] = ("expression", "unit", "time", "baseline")


class ExpectShareSatisfyingToBeAtMost(TrialExpectation):
    """At most a share of the rows of each group satisfies a restricted expression."""

    expression: str
    at_most: float
    by: list[str] | None = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.share_satisfying",)
    success_keys: ClassVar[tuple[str, ...]] = ("expression", "at_most", "by")


class ExpectItemsToSumToTotal(TrialExpectation):
    """The last column is the sum of the others over a divisor."""

    column_list: list[str]
    divisor: float = 1.0
    tolerance: float = 0.01
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.items_sum",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list", "divisor", "tolerance")


class ExpectCorrelationToBeBetween(TrialExpectation):
    """Two columns correlate within limits."""

    column_list: list[str]
    min_value: StrictInt | StrictFloat = -1.0
    max_value: StrictInt | StrictFloat = 1.0
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.correlation_between",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list", "min_value", "max_value")


class ExpectConstantWithin(TrialExpectation):
    """Each column takes one value within each patient."""

    unit: str
    column_list: list[str]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.constant_within",)
    success_keys: ClassVar[tuple[str, ...]] = ("unit", "column_list")


class ExpectEveryUnitToHave(TrialExpectation):
    """Every patient has a row with each of the values in a column."""

    unit: str
    column: str
    values: list[StrictInt | StrictFloat | StrictStr]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.every_unit_has",)
    success_keys: ClassVar[tuple[str, ...]] = ("unit", "column", "values")


class ExpectChangeToBeBetween(TrialExpectation):
    """A column's change from the patient's baseline (days, for a date) lies within the limits."""

    unit: str
    time: str
    baseline: str
    column: str
    min_value: float | None = None
    max_value: float | None = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.change_between",)
    success_keys: ClassVar[tuple[str, ...]] = (
        "unit",
        "time",
        "baseline",
        "column",
        "min_value",
        "max_value",
    )


class ExpectDropoutToBeMonotone(TrialExpectation):
    """A column that is missing at a visit stays missing at the patient's later visits."""

    unit: str
    time: str
    column: str
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.dropout_monotone",)
    success_keys: ClassVar[tuple[str, ...]] = ("unit", "time", "column")


class ExpectCountObservedToEqual(TrialExpectation):
    """A column states at how many visits another was observed for the patient."""

    unit: str
    column: str
    count: str
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.counts_observed",)
    success_keys: ClassVar[tuple[str, ...]] = ("unit", "column", "count")


class ExpectUnitsToDiffer(TrialExpectation):
    """No two patients have the same values in all columns at all visits."""

    unit: str
    time: str
    column_list: list[str]
    at_least: int = 3
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.units_differ",)
    success_keys: ClassVar[tuple[str, ...]] = ("unit", "time", "column_list", "at_least")


class ExpectGroupCountsToEqual(TrialExpectation):
    """The number of distinct patients in each group is the stated one."""

    by: list[str]
    unit: str
    counts: dict[str, StrictInt]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("trial.group_counts",)
    success_keys: ClassVar[tuple[str, ...]] = ("by", "unit", "counts")


_CHECKS: dict[type[TrialExpectation], Callable[..., Judgement]] = {
    ExpectCellsToBeBetween: checks.cells_between,
    ExpectCellsToBeInSet: checks.cells_in,
    ExpectCellsToBeWhole: checks.cells_whole,
    ExpectCellsNotToBeCodes: checks.cells_not_codes,
    ExpectShareMissingToBeAtMost: checks.missing_at_most,
    ExpectRowsToSatisfy: checks.rows_satisfy,
    ExpectShareSatisfyingToBeAtMost: checks.share_satisfying,
    ExpectItemsToSumToTotal: checks.items_sum,
    ExpectCorrelationToBeBetween: checks.correlation_between,
    ExpectConstantWithin: checks.constant_within,
    ExpectEveryUnitToHave: checks.every_unit_has,
    ExpectChangeToBeBetween: checks.change_between,
    ExpectDropoutToBeMonotone: checks.dropout_monotone,
    ExpectCountObservedToEqual: checks.counts_observed,
    ExpectUnitsToDiffer: checks.units_differ,
    ExpectGroupCountsToEqual: checks.group_counts,
}

for _kind, _check in _CHECKS.items():
    _register(_check.__name__, _check, _kind.success_keys)
