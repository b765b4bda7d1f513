"""One evaluation of an expression: what each node is worth in each row of a frame."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, FormulaError
from harness.language.nodes import (
    Binary,
    Call,
    Group,
    Name,
    Node,
    Number,
    Text,
    Truth,
    Unary,
    deparse,
)
from harness.language.values import (
    ARITHMETIC,
    FUNCTIONS,
    Bools,
    Dates,
    Factor,
    Floats,
    Literal,
    Numbers,
    Truths,
    Value,
    Words,
    as_series,
    compare,
    factor_of_numbers,
    finite,
    read_value,
)

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


@dataclass(frozen=True, slots=True)
class Panel:
    """The columns that ``baseline()`` and ``change()`` need.

    Attributes:
        id: column of the patient.
        time: column of the measurement time.
        baseline_level: the level of ``time`` that is baseline, as text.
    """

    id: str
    time: str
    baseline_level: str


def value_of(node: Node, frame: pd.DataFrame, panel: Panel | None) -> Value:
    """The value of an expression in every row; every node is evaluated once.

    Raises:
        FormulaError: the expression does not fit the frame.
        DataError: two baseline rows of one id.
    """
    return _Evaluation(node, frame, panel).value(node)


class _Evaluation:
    """One evaluation: the frame, the panel, and the whole expression for messages."""

    def __init__(self, root: Node, frame: pd.DataFrame, panel: Panel | None) -> None:
        self.root, self.frame, self.panel = root, frame, panel

    def error(self, reason: str, node: Node) -> FormulaError:
        text = deparse(self.root)
        return FormulaError(reason, text, max(text.find(deparse(node)), 0))

    def value(self, node: Node) -> Value:
        match node:
            case Number():
                return Numbers(np.full(len(self.frame), node.value), node.text)
            case Text():
                return Literal(node.value)
            case Truth():
                n = len(self.frame)
                return Truths(np.full(n, node.value), np.full(n, True))
            case Name():
                return self.column(node.name, node)
            case Group():
                return self.value(node.inner)
            case Unary(operator="not"):
                inner = self.truths(node.operand)
                return Truths(inner.known & ~inner.true, inner.known)
            case Unary():
                values = self.numbers(node.operand)
                return Numbers(-values if node.operator == "-" else values)
            case Binary(operator=("and" | "or")):
                return self.connective(node)
            case Binary() if node.operator in ARITHMETIC:
                return self.arithmetic(node)
            case Binary(operator=("==" | "!=" | "<" | "<=" | ">" | ">=")):
                return self.comparison(node)
            case Binary():
                raise self.error(f"`{node.operator}` is not part of an expression", node)
            case Call():
                return self.call(node)

    # -- leaves -------------------------------------------------------------------------------

    def column(self, name: str, node: Node) -> Value:
        if name not in self.frame.columns:
            raise self.error(f"no column `{name}`", node)
        return read_value(self.frame[name])

    def numbers(self, node: Node) -> Floats:
        return self.as_numbers(self.value(node), node)

    def as_numbers(self, value: Value, node: Node) -> Floats:
        if not isinstance(value, Numbers):
            raise self.error(f"`{deparse(node)}` is {value.kind}, a number is needed", node)
        return value.values

    def truths(self, node: Node) -> Truths:
        value = self.value(node)
        if not isinstance(value, Truths):
            hint = "; compare it with something" if isinstance(value, (Numbers, Factor)) else ""
            raise self.error(
                f"`{deparse(node)}` is {value.kind}, a condition is needed{hint}", node
            )
        return value

    # -- operators ----------------------------------------------------------------------------

    def connective(self, node: Binary) -> Truths:
        left, right = self.truths(node.left), self.truths(node.right)
        false = (left.known & ~left.true), (right.known & ~right.true)
        if node.operator == "and":
            true = left.true & right.true
            return Truths(true, true | false[0] | false[1])
        true = left.true | right.true
        return Truths(true, true | (false[0] & false[1]))

    def arithmetic(self, node: Binary) -> Numbers:
        left, right = self.value(node.left), self.value(node.right)
        if node.operator == "-" and isinstance(left, Dates) and isinstance(right, Dates):
            days = (left.values - right.values) / np.timedelta64(1, "D")
            return Numbers(days.astype(np.float64))
        first, second = self.as_numbers(left, node.left), self.as_numbers(right, node.right)
        return Numbers(finite(ARITHMETIC[node.operator], first, second))

    def comparison(self, node: Binary) -> Truths:
        left, right = self.value(node.left), self.value(node.right)
        operator = node.operator
        if isinstance(left, Numbers) and isinstance(right, Numbers):
            known = ~(np.isnan(left.values) | np.isnan(right.values))
            return Truths(compare(operator, left.values, right.values) & known, known)
        if isinstance(left, Dates) or isinstance(right, Dates):
            first, second = self.dates(left, node.left), self.dates(right, node.right)
            known = ~(np.isnat(first) | np.isnat(second))
            return Truths(compare(operator, first, second) & known, known)
        if operator not in ("==", "!="):
            culprit = left if not isinstance(left, Numbers) else right
            raise self.error(f"`{operator}` orders numbers and dates, not {culprit.kind}", node)
        if isinstance(left, Truths) and isinstance(right, Truths):
            known = left.known & right.known
            equal = left.true == right.true
        elif isinstance(left, Factor) or isinstance(right, Factor):
            equal, known = self.same_level(left, right, node)
        else:
            equal, known = self.same_text(left, right, node)
        return Truths((equal if operator == "==" else ~equal) & known, known)

    def same_level(self, left: Value, right: Value, node: Binary) -> tuple[Bools, Bools]:
        if not isinstance(left, Factor):
            return self.same_level(right, left, node)
        levels = [str(level) for level in left.values.categories]
        codes = np.asarray(left.values.codes)
        if isinstance(right, Factor):
            if levels != [str(level) for level in right.values.categories]:
                raise self.error("the two factors have different levels", node)
            others = np.asarray(right.values.codes)
            return codes == others, (codes >= 0) & (others >= 0)
        wanted = right.text if isinstance(right, Literal) else None
        if isinstance(right, Numbers):
            wanted = right.literal
        if wanted is None:
            raise self.error(f"a factor is compared with a level, not with {right.kind}", node)
        if wanted not in levels:
            shown = ", ".join(repr(level) for level in levels[:12])
            more = f" and {len(levels) - 12} more" if len(levels) > 12 else ""
            raise self.error(f"'{wanted}' is not a level; the levels are {shown}{more}", node)
        return codes == levels.index(wanted), codes >= 0

    def same_text(self, left: Value, right: Value, node: Binary) -> tuple[Bools, Bools]:
        sides: list[npt.NDArray[np.object_]] = []
        for value in (left, right):
            match value:
                case Words():
                    sides.append(value.values.to_numpy(dtype=object))
                case Literal():
                    sides.append(np.full(len(self.frame), value.text, dtype=object))
                case _:
                    raise self.error(f"{left.kind} is compared with {right.kind}", node)
        missing = np.asarray(pd.isna(sides[0])) | np.asarray(pd.isna(sides[1]))
        return np.asarray(sides[0] == sides[1], dtype=np.bool_), ~missing

    def dates(self, value: Value, node: Node) -> npt.NDArray[np.datetime64]:
        if isinstance(value, Dates):
            return value.values
        if isinstance(value, Literal) and _ISO_DATE.match(value.text):
            try:
                day = dt.date.fromisoformat(value.text)
            except ValueError as error:
                raise self.error(f"'{value.text}' is not a date", node) from error
            return np.full(len(self.frame), np.datetime64(day, "D"))
        raise self.error("a date is compared with a date or with 'YYYY-MM-DD'", node)

    # -- calls --------------------------------------------------------------------------------

    def call(self, node: Call) -> Value:
        if len(node.arguments) != 1:
            raise self.error(f"`{node.function}` is not part of an expression", node)
        argument = node.arguments[0]
        match node.function:
            case "is_missing":
                missing = self.missing(argument)
                return Truths(missing, np.full(len(missing), True))
            case "factor":
                return self.factor(argument)
            case "baseline":
                return self.baseline(self.value(argument), node)
            case "change":
                value = self.value(argument)
                now = self.as_numbers(value, argument)
                before = as_series(self.baseline(value, node), self.frame.index)
                return Numbers(finite(np.subtract, now, np.asarray(before, dtype=np.float64)))
            case name if name in FUNCTIONS:
                return Numbers(finite(FUNCTIONS[name], self.numbers(argument)))
            case _:
                raise self.error(f"no function `{node.function}`", node)

    def missing(self, node: Node) -> Bools:
        value = self.value(node)
        match value:
            case Numbers():
                return np.isnan(value.values)
            case Truths():
                return ~value.known
            case Literal():
                raise self.error("a string is never missing", node)
            case _:
                return np.asarray(pd.isna(value.values))

    def factor(self, node: Node) -> Factor:
        value = self.value(node)
        match value:
            case Factor():
                return value
            case Numbers():
                return Factor(factor_of_numbers(value.values))
            case Words():
                levels = sorted(value.values.dropna().unique())
                return Factor(pd.Categorical(value.values, categories=levels))
            case _:
                raise self.error(f"a factor cannot be made of {value.kind}", node)

    def baseline(self, value: Value, node: Node) -> Value:
        """The value in the id's baseline row, in every row of the id."""
        if self.panel is None:
            raise self.error("baseline() and change() are for derived columns only", node)
        series = as_series(value, self.frame.index)
        if series is None:
            raise self.error("a string has no baseline", node)
        at_baseline = self.at_baseline(self.panel, node)
        ids, _ = pd.factorize(self.frame[self.panel.id])
        rows = np.flatnonzero(at_baseline & (ids >= 0))
        first = np.full(int(ids.max(initial=-1)) + 1, -1, dtype=np.int64)
        first[ids[rows]] = rows
        if len(np.unique(ids[rows])) != len(rows):
            position = rows[pd.Series(ids[rows]).duplicated().to_numpy()][0]
            who = self.frame[self.panel.id].iloc[position]
            raise DataError(
                f"{self.panel.id} {who} has two rows at {self.panel.time} "
                f"{self.panel.baseline_level}: "
                f"`{deparse(node)}` is not defined"
            )
        source = np.where(ids >= 0, first[ids], -1) if len(first) else np.full(len(ids), -1)
        taken = series.reset_index(drop=True).reindex(source)  # no row -1: missing
        taken.index = self.frame.index
        return read_value(taken)

    def at_baseline(self, panel: Panel, node: Node) -> Bools:
        time = self.column(panel.time, node)
        level = panel.baseline_level
        if isinstance(time, Numbers):
            try:
                return np.asarray(time.values == float(level), dtype=np.bool_)
            except ValueError as error:
                raise self.error(
                    f"the baseline level {level} of `{panel.time}` is no number", node
                ) from error
        words = self.frame[panel.time].astype(object)
        return np.asarray(words == level, dtype=np.bool_)
