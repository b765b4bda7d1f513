"""Two estimate files against each other, whoever made them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.compare.model import compare_model
from harness.compare.policy import Policy, default_policy
from harness.compare.rows import DiffRow
from harness.compare.table import DiffTable, join
from harness.compare.tables import join_tables
from harness.errors import EXIT_DIFFERS, DataError
from harness.estimates.files import KeyedAnswer, read_answers
from harness.estimates.numbers import is_table, read_numbers
from harness.models.record import Answer, Estimates, NotComputed
from harness.models.spec import ModelKey


def compare_files(
    left: str | Path, right: str | Path, *, policy: Policy | None = None
) -> DiffTable:
    """The diff table of two estimate files; the left one stands in the column ``python``.

    Two files of one fit are compared as they are. Two files of a run are joined by model and, if
    both hold the same engines, by engine; if each holds one engine, across. A table (``.csv``,
    ``.tsv``) is joined by what it names of the model, and speaks only of the quantities it holds.

    Raises:
        DataError: when a file is malformed, or it cannot be told what to compare with what.
    """
    if is_table(left) or is_table(right):
        return join_tables(read_numbers(left), read_numbers(right), policy or default_policy())
    sides = [read_answers(left), read_answers(right)]
    single = [len(side) == 1 and not side[0].key.analysis for side in sides]
    if all(single):
        one, other = sides[0][0], sides[1][0]
        return DiffTable(compare_model(one.key, one.answer, other.answer, policy=policy))
    if any(single):
        names = [str(left), str(right)]
        fit, run = names if single[0] else reversed(names)
        raise DataError(f"{fit} holds one fit and {run} a whole run: compare two files of a kind")
    return join(_runs(sides[0], sides[1], str(left), str(right), policy))


def compare_estimates(
    left: Answer, right: Answer, *, key: ModelKey | None = None, policy: Policy | None = None
) -> DiffTable:
    """The diff table of two answers to one model; the left one stands in the column ``python``."""
    if key is None:
        formula = next((a.formula for a in (left, right) if isinstance(a, Estimates)), "")
        key = ModelKey("", "", formula.partition("~")[0].strip())
    return DiffTable(compare_model(key, left, right, policy=policy))


def _runs(
    left: tuple[KeyedAnswer, ...],
    right: tuple[KeyedAnswer, ...],
    left_file: str,
    right_file: str,
    policy: Policy | None,
) -> Iterator[tuple[DiffRow, ...]]:
    engines = [list(dict.fromkeys(item.answer.engine for item in side)) for side in (left, right)]
    if sorted(engines[0]) == sorted(engines[1]):
        pairs = [(name, name) for name in engines[0]]
    elif len(engines[0]) == len(engines[1]) == 1:
        pairs = [(engines[0][0], engines[1][0])]
    else:
        raise DataError(
            f"{left_file} holds {', '.join(engines[0])} and {right_file} {', '.join(engines[1])}: "
            "the files must hold the same engines, or one each"
        )
    answers = [{(item.key, item.answer.engine): item.answer for item in s} for s in (left, right)]
    for key in dict.fromkeys(item.key for item in (*left, *right)):
        for one, other in pairs:
            python = answers[0].get((key, one))
            r = answers[1].get((key, other))
            if python is None and r is None:
                continue
            formula = next((a.formula for a in (python, r) if isinstance(a, Estimates)), "")
            yield compare_model(
                key,
                python or NotComputed(one, f"{left_file} has no such model", EXIT_DIFFERS),
                r or NotComputed(other, f"{right_file} has no such model", EXIT_DIFFERS),
                policy=policy,
                label=f"{formula} [{one}]" if len(pairs) > 1 else formula,
            )
