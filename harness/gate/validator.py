"""The border to Great Expectations: rules and a frame go in, plain outcomes come out.

Everything that GX 1.24 gets quietly wrong is dealt with on one side or the other of this border;
:mod:`harness.gate.run` lists the guards. GX takes seconds to import and is imported on first use.
"""

from __future__ import annotations

import difflib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.errors import SuiteError
from harness.gate.conditions import rows_where
from harness.gate.suite import Rule
from harness.gate.time_limit import time_limit

LARGE = 100_000
"""Rows above which failing rows are listed in a second pass, for the rules that failed only.

Listing costs GX 24 s for 40 rules on a million rows where counting costs 2 s.
"""
PATTERN_SECONDS = 10.0
"""What a rule with a regular expression may take; some take longer than the universe has."""
_PATTERNS = frozenset({"regex", "regex_list", "json_schema"})
COLUMN_RULES = frozenset({"expect_column_to_exist"})
"""Rules for which an absent column is a failure of the data; for any other it is an error."""
_NEEDS_SQL = frozenset(
    {
        "unexpected_rows_expectation",
        "expect_query_results_to_match_comparison",
        "expect_table_row_count_to_equal_other_table",
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Great Expectations found for one rule.

    Attributes:
        success: GX's own verdict; meaningless when ``error`` is set or nothing was judged.
        n_judged: values (or rows) judged; ``None`` for a rule on the table as a whole.
        n_failed: how many failed; ``None`` where the rule counts none.
        cells: (row position in the frame, column) of each failure.
        detail: one line of counts.
        error: why the rule could not be run, or empty.
    """

    success: bool
    n_judged: int | None
    n_failed: int | None
    cells: tuple[tuple[int, str], ...]
    detail: str
    error: str = ""


def versions() -> dict[str, str]:
    """Versions of what decides a verdict."""
    return {"great_expectations": _gx().__version__, "pandas": pd.__version__}


def build(path: Path, rules: Sequence[Rule]) -> tuple[Any, ...]:
    """Build the GX expectations of a suite, one for each rule and in its order.

    Raises:
        SuiteError: for a rule type GX does not know, which GX itself would drop, for one that
            needs SQL, and for arguments the type does not accept.
    """
    gx = _gx()
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known = set(list_registered_expectation_implementations()) - _NEEDS_SQL
    built = []
    for rule in rules:
        where = f"{path}: rule {rule.rule}"
        if rule.type not in known:
            near = difflib.get_close_matches(rule.type, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            needs = "needs SQL" if rule.type in _NEEDS_SQL else "is not known"
            raise SuiteError(f"{where}: rule type {rule.type!r} {needs}{hint}")
        entry = {
            "type": rule.type,
            "kwargs": rule.kwargs,
            "severity": rule.severity,
            "meta": {"rule": rule.rule},
        }
        with _silent():
            try:
                one = gx.ExpectationSuite(name=rule.rule, expectations=[entry]).expectations
            except Exception as error:  # noqa: BLE001 - GX raises what it likes, also bare Exception
                raise SuiteError(f"{where}: {rule.type}: {_one_line(error)}") from None
        if len(one) != 1 or (one[0].meta or {}).get("rule") != rule.rule:
            raise SuiteError(f"{where}: Great Expectations dropped the rule (type or severity)")
        built.append(one[0])
    return tuple(built)


def judge(frame: pd.DataFrame, rules: Sequence[Rule], built: Sequence[Any]) -> tuple[Outcome, ...]:
    """Run rules on a frame whose index is 0, 1, …; one outcome a rule, in their order."""
    outcomes: dict[str, Outcome] = {}
    groups: dict[str, list[tuple[Rule, Any]]] = {}
    for rule, expectation in zip(rules, built, strict=True):
        alone = rule.rule if _PATTERNS & rule.kwargs.keys() else ""
        groups.setdefault(f"{rule.condition!r} {alone}", []).append((rule, expectation))
    batches = _batches()
    for members in groups.values():
        condition = members[0][0].condition
        try:
            rows = frame if condition is None else frame[rows_where(condition, frame)]
        except (ValueError, TypeError) as error:
            failed = Outcome(False, None, None, (), "", f"row_condition: {_one_line(error)}")
            outcomes.update((rule.rule, failed) for rule, _ in members)
            continue
        patterns = any(_PATTERNS & rule.kwargs.keys() for rule, _ in members)
        try:
            with time_limit(PATTERN_SECONDS if patterns else None, "the regular expression"):
                outcomes.update(_judge_rows(batches, rows, members))
        except TimeoutError as error:
            late = Outcome(False, None, None, (), "", str(error))
            outcomes.update((rule.rule, late) for rule, _ in members)
    return tuple(outcomes[rule.rule] for rule in rules)


def _judge_rows(
    batches: Any, rows: pd.DataFrame, members: Sequence[tuple[Rule, Any]]
) -> dict[str, Outcome]:
    large = len(rows) > LARGE
    found = _validate(batches, rows, [e for _, e in members], "BASIC" if large else "COMPLETE")
    if large:
        again = [e for rule, e in members if rule.rule in found and not found[rule.rule].success]
        found |= _validate(batches, rows, again, "COMPLETE") if again else {}
    return {rule.rule: _outcome(rule, found.get(rule.rule), rows) for rule, _ in members}


def _batches() -> Any:
    """GX's way to a frame: a context in memory, a data source, an asset, a batch definition."""
    with _silent():
        context = _gx().get_context(mode="ephemeral")
        # TQDM_DISABLE has no effect on GX's bars; this switch does.
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_pandas("trial")
        return source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("rows")


def _validate(
    batches: Any, rows: pd.DataFrame, expectations: Sequence[Any], result_format: str
) -> dict[str, Any]:
    gx = _gx()
    with _silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas' remarks on a pattern are not for the user
        batch = batches.get_batch(batch_parameters={"dataframe": rows})
        suite = gx.ExpectationSuite(name="gate", expectations=list(expectations))
        results = batch.validate(suite, result_format={"result_format": result_format}).results
    # Results come back in another order than the suite's; the rule id pairs them.
    return {result.expectation_config.meta["rule"]: result for result in results}


def _outcome(rule: Rule, result: Any, rows: pd.DataFrame) -> Outcome:
    if result is None:
        return Outcome(False, None, None, (), "", "Great Expectations returned no result")
    info = result.exception_info or {}
    parts = [info] if "raised_exception" in info else list(info.values())
    raised = [part for part in parts if part.get("raised_exception")]
    if raised:
        message = _one_line(raised[0].get("exception_message"))
        return Outcome(False, None, None, (), "", message)
    found = result.result or {}
    if not found and not result.success and rule.type not in COLUMN_RULES:
        return Outcome(False, None, None, (), "", "Great Expectations computed nothing")
    n = found.get("element_count")
    n_judged = None if n is None else int(n) - int(found.get("missing_count") or 0)
    details = found.get("details") or {}
    if "cells" in details:
        cells = tuple((int(rows.index[r]), details["columns"][c]) for r, c in details["cells"])
        n_failed = found["unexpected_count"]
        return Outcome(bool(result.success), n_judged, n_failed, cells, details["detail"])
    if n is None and "observed_value" in found and found["observed_value"] is None:
        return Outcome(False, 0, 0, (), "")  # a mean, say, of a column without values
    label = "; ".join(_judged_columns(rule)) or "; ".join(rule.columns)
    cells = tuple((int(row), label) for row in found.get("unexpected_index_list") or ())
    n_failed = found.get("unexpected_count")
    detail = _table_detail(found) if n is None else ""
    return Outcome(bool(result.success), n_judged, n_failed, cells, detail)


def _judged_columns(rule: Rule) -> tuple[str, ...]:
    """The columns a core row rule is about, its row condition's left out."""
    kwargs = rule.kwargs
    if isinstance(kwargs.get("column_list"), list):
        return tuple(kwargs["column_list"])
    return tuple(kwargs[k] for k in ("column", "column_A", "column_B") if k in kwargs)


def _table_detail(found: dict[str, Any]) -> str:
    mismatched = (found.get("details") or {}).get("mismatched")
    if isinstance(mismatched, dict):
        return "; ".join(
            f"{kind}: {', '.join(map(str, what))}" for kind, what in mismatched.items()
        )
    observed = found.get("observed_value")
    return "" if observed is None or isinstance(observed, (list, dict)) else f"observed {observed}"


def _gx() -> Any:
    """Great Expectations with the harness's own rules registered."""
    # GX 1.24 sends nothing; an older one, should it be resolved, must not either.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    shown = warnings.showwarning
    with _silent():
        import great_expectations

        from harness.gate import rules as _registered  # noqa: F401
    if warnings.showwarning is not shown:
        # Importing GX sends every warning of the process to a logger; take that back.
        logging.captureWarnings(False)
    return great_expectations


@contextmanager
def _silent() -> Iterator[None]:
    """Keep GX from printing what is reported here: it logs a traceback for every bad rule."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _one_line(message: object) -> str:
    if isinstance(message, BaseException):
        message = str(message) or type(message).__name__
    return " ".join(str(message).split())[:300]
