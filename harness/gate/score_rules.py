"""Two built-in rules a questionnaire: its answers are possible, its scores are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from harness.data.scores import Scored
from harness.gate.queries import cell_queries
from harness.gate.score_causes import agreeing_entry
from harness.gate.suite import BUILT_IN_STEMS
from harness.gate.verdict import Query, RuleResult
from harness.scoring.score import Bools, disagreeing

ANSWERS, SCORES = BUILT_IN_STEMS

_RULES = {
    "refuse": "none where an answer is missing",
    "prorate": "missing answers prorated",
    "half": "prorated where at least half of the answers are there",
    "one": "prorated where one answer is missing",
    "zero": "a missing answer among others counted 0",
}

Judged = tuple[RuleResult, tuple[Query, ...]]


def judge_scores(
    scored: Iterable[Scored], frame: pd.DataFrame, key: Sequence[str]
) -> tuple[Judged, ...]:
    """Judge every questionnaire of the plan.

    Args:
        scored: the questionnaires as scored from ``frame``.
        frame: the data, indexed 0, 1, ….
        key: the columns of the patient and, where there is one, of the visit.

    Returns:
        The rules' results, each with the query lines of its failing cells.
    """
    judged: list[Judged] = []
    for one in scored:
        judged.append(_answers(one, frame, key))
        if one.stored:
            judged.append(_stored(one, frame, key))
    return tuple(judged)


def _answers(one: Scored, frame: pd.DataFrame, key: Sequence[str]) -> Judged:
    low, high = zip(*one.form.ranges, strict=True)
    sentence = f"Every answer to {one.instrument} is a whole number of its range."
    rule, impossible = f"{ANSWERS}{one.name}", one.scores.impossible
    allowed = {item: f"{low[at]} to {high[at]}, whole" for at, item in enumerate(one.items)}
    queries = cell_queries(
        (rule, sentence),
        ((row, one.items[at]) for row, at in np.argwhere(impossible).tolist()),
        lambda _row, column: allowed[column],
        frame,
        key,
    )
    judged = int(frame[list(one.items)].notna().to_numpy().sum())
    return _result(rule, one.items, sentence, judged, impossible), queries


def _stored(one: Scored, frame: pd.DataFrame, key: Sequence[str]) -> Judged:
    columns = tuple(one.columns[name] for name in one.stored)
    recomputed = {one.columns[name]: one.scores.values[name] for name in one.stored}
    wrong = np.column_stack(
        [
            disagreeing(frame[column].to_numpy(dtype=float), values, one.decimals)
            for column, values in recomputed.items()
        ]
    )
    rounded = "" if one.decimals is None else f", rounded to {one.decimals} decimals"
    sentence = (
        f"Every score of {one.instrument} is what its answers give ({_RULES[one.rule]}{rounded})."
    )

    def allowed(row: int, column: str) -> str:
        value = float(recomputed[column][row])
        if np.isnan(value):
            return "an empty cell: the answers give no score"
        return f"{value:.10g}, recomputed from the answers"

    rule = f"{SCORES}{one.name}"
    queries = cell_queries(
        (rule, sentence),
        ((row, columns[at]) for row, at in np.argwhere(wrong).tolist()),
        allowed,
        frame,
        key,
    )
    known = frame[list(columns)].notna().to_numpy()
    judged = int((known | wrong).sum())
    entry = agreeing_entry(one, frame) if wrong.any() else ""
    hint = f"with {entry} in the plan's `{one.name}` all would agree" if entry else ""
    return _result(rule, columns, sentence, judged, wrong, hint), queries


def _result(
    rule: str, columns: tuple[str, ...], sentence: str, judged: int, wrong: Bools, hint: str = ""
) -> RuleResult:
    counts = dict(zip(columns, wrong.sum(axis=0).tolist(), strict=True))
    told = [f"{name}: {n}" for name, n in counts.items() if n]
    return RuleResult(
        rule=rule,
        check="built-in",
        columns=columns,
        sentence=sentence,
        severity="critical",
        verdict="fail" if wrong.any() else "pass" if judged else "vacuous",
        n_judged=judged,
        n_failed=int(wrong.sum()),
        detail="; ".join([*told, *([hint] if hint else [])]),
    )
