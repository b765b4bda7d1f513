"""A formula's variables as numbers and factors: columns and whitelisted calls on columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, ModelError
from harness.language.nodes import Binary, Call, Group, Name, Node, Number, Unary, deparse
from harness.models.contrasts import Coding
from harness.models.transforms import (
    FUNCTIONS,
    LOCATED,
    each,
    orthogonal_polynomials,
    orthogonal_polynomials_at,
    power,
)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Numeric:
    """A numeric variable of the model frame.

    Attributes:
        label: R's name, e.g. ``log(x)``.
        columns: one vector (n,) for each column; more than one for ``poly``.
        suffixes: what R appends to the label for each column; ``("",)`` for a plain variable.
    """

    label: str
    columns: tuple[Vector, ...]
    suffixes: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Factor:
    """A categorical variable of the model frame.

    Attributes:
        label: R's name, e.g. ``arm`` or ``factor(month)``.
        codes: (n,) position of each row's level, -1 where missing.
        levels: level texts in coding order; an index, so that 100,000 ids cost nothing.
        coding: what its columns are where it does not take one for every level.
    """

    label: str
    codes: npt.NDArray[Any]
    levels: pd.Index
    coding: Coding = "treatment"


Variable = Numeric | Factor


def evaluate_variable(
    node: Node, frame: pd.DataFrame, data: pd.DataFrame | None = None
) -> Variable:
    """Evaluate one variable of a formula on every row of ``frame``, missing values included.

    Args:
        node: the variable.
        frame: rows it is wanted for.
        data: rows that ``scale``, ``center`` and ``poly`` take their constants from; by default
            ``frame``.

    Raises:
        DataError: the formula names a column the frame has not.
        ModelError: a column of a type the call cannot use.
    """
    label = deparse(node)
    if isinstance(node, Name):
        return _column(node.name, label, frame)
    if isinstance(node, Call) and node.function == "factor":
        return as_factor(evaluate_variable(only_argument(node), frame), label)
    if isinstance(node, Call) and node.function == "poly":
        degree = poly_degree(node)
        columns = _polynomials(node.arguments[0], degree, label, frame, data)
        suffixes = tuple(str(k) for k in range(1, degree + 1)) if degree > 1 else ("",)
        return Numeric(label, columns, suffixes)
    return Numeric(label, (numbers(node, frame, data),))


def as_factor(variable: Variable, label: str) -> Factor:
    """R's ``factor()``: sorted distinct values as levels, numbers spelt with 15 digits."""
    if isinstance(variable, Factor):
        return Factor(label, variable.codes, variable.levels)
    codes, values = pd.factorize(variable.columns[0], sort=True)
    check_exact(label, values)
    return Factor(label, codes, pd.Index([spell_number(float(v)) for v in values]))


EXACT = 2.0**53
"""From here on a floating-point number stands for several whole numbers."""


def check_exact(label: str, levels: Vector) -> None:
    """Refuse levels (sorted numbers) that may have been several before they became floats.

    Raises:
        ModelError: naming the column.
    """
    finite = levels[np.isfinite(levels)]
    if len(finite) and max(finite[-1], -finite[0]) >= EXACT:
        raise ModelError(
            f"`{label}` labels rows by numbers beyond 2^53, which floating-point numbers do not "
            "tell apart; make the column text"
        )


def spell_number(value: float) -> str:
    """R's ``as.character`` of a double: the fewest digits, at most 15, that give it back."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    for digits in range(1, 16):
        text = f"{value:.{digits - 1}e}"
        if float(text) == value or digits == 15:
            break
    if float(text) != value and value == int(value) and abs(value) < EXACT:
        return str(int(value))  # an id: fifteen digits would call two of them alike
    mantissa, exponent = text.split("e")
    power = int(exponent)
    fixed = f"{float(text):.{max(0, digits - 1 - power)}f}"
    scientific = f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return fixed if len(fixed) <= len(scientific) else scientific


def level_text(level: object) -> str:
    """A level as R prints it: numbers as ``as.character`` spells them."""
    return spell_number(level) if isinstance(level, float) else str(level)


def _stored(frame: pd.DataFrame, name: str) -> object:
    """A column as the frame holds it, or None where pandas does not say.

    ``frame[name]`` takes ten times as long, most of a small model's frame.
    """
    read = getattr(frame, "_get_column_array", None)
    place = frame.columns.get_loc(name) if read is not None and name in frame.columns else None
    return read(place) if isinstance(place, int) and read is not None else None


def _column(name: str, label: str, frame: pd.DataFrame) -> Variable:
    """A column of the frame: numbers stay numbers, everything categorical becomes a factor."""
    values: Any = _stored(frame, name)
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return Numeric(label, (np.asarray(values, dtype=np.float64),))
    try:
        values = values if isinstance(values, pd.Categorical) else frame[name].array
    except KeyError:
        known = ", ".join(str(c) for c in list(frame.columns)[:12])
        raise DataError(f"no column `{name}` in the data; it has: {known}") from None
    except AttributeError:
        raise DataError(f"the data have more than one column `{name}`; rename one") from None
    if isinstance(values, pd.Categorical):
        return Factor(label, values.codes, values.categories)
    dtype: Any = values.dtype
    if dtype.kind == "O":
        objects = np.asarray(values, dtype=object)
        content = str(pd.api.types.infer_dtype(objects, skipna=True))
        if content in _STORED_AS:
            values = pd.Series(objects).astype(_STORED_AS[content]).array
            dtype = values.dtype
        elif content not in ("string", "empty"):
            raise ModelError(
                f"column `{name}` holds {content} values; make it numbers or text throughout"
            )
    kind = dtype.kind
    if kind == "f" or kind in "iu":
        if isinstance(values, pd.arrays.NumpyExtensionArray):
            return Numeric(label, (np.asarray(values, dtype=np.float64),))
        return Numeric(label, (values.to_numpy(dtype=np.float64, na_value=np.nan),))
    if kind == "b":
        missing = np.asarray(pd.isna(values))
        codes = np.where(missing, -1, values.to_numpy(dtype=bool, na_value=False))
        return Factor(label, codes.astype(np.intp), pd.Index(["FALSE", "TRUE"]))
    if kind == "c":
        raise ModelError(f"column `{name}` holds complex numbers; take their real part or modulus")
    if kind in "mM":
        raise ModelError(
            f"column `{name}` holds dates: derive a number (days since a reference date) first"
        )
    texts = pd.Series(values, dtype=object)
    codes, levels = pd.factorize(texts, sort=False)
    spelt = np.array([str(level) for level in levels], dtype=object)
    order = sorted(range(len(spelt)), key=lambda k: spelt[k])
    rank = np.empty(len(order) + 1, dtype=np.intp)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    return Factor(label, rank[codes], pd.Index(spelt[order]))


def only_argument(call: Call) -> Node:
    """The single argument of a call.

    Raises:
        ModelError: none, or several.
    """
    if len(call.arguments) != 1:
        raise ModelError(f"`{deparse(call)}`: `{call.function}` takes one argument here")
    return call.arguments[0]


def _polynomials(
    node: Node, degree: int, label: str, frame: pd.DataFrame, data: pd.DataFrame | None
) -> tuple[Vector, ...]:
    """The columns of ``poly(node, degree)``."""
    if data is None:
        return orthogonal_polynomials(numbers(node, frame), degree, label)
    values = numbers(node, frame, data)
    return orthogonal_polynomials_at(values, degree, label, numbers(node, data))[0]


def numbers(node: Node, frame: pd.DataFrame, data: pd.DataFrame | None = None) -> Vector:
    """Evaluate a numeric node to one vector (n,); arguments as :func:`evaluate_variable`.

    Raises:
        DataError: no such column.
        ModelError: not a number a row.
    """
    match node:
        case Number():
            return np.full(len(frame), node.value)
        case Group():
            return numbers(node.inner, frame, data)
        case Name():
            variable = _column(node.name, deparse(node), frame)
            if isinstance(variable, Factor):
                raise ModelError(f"column `{node.name}` is not numeric: it cannot enter arithmetic")
            return variable.columns[0]
        case Unary(operator="-"):
            return -numbers(node.operand, frame, data)
        case Unary(operator="+"):
            return numbers(node.operand, frame, data)
        case Binary():
            return _arithmetic(node, frame, data)
        case Call() if node.function in FUNCTIONS:
            return FUNCTIONS[node.function](numbers(only_argument(node), frame, data))
        case Call() if node.function in LOCATED:
            argument = only_argument(node)
            of = None if data is None else numbers(argument, data)
            return LOCATED[node.function](numbers(argument, frame, data), of)
        case _:
            raise ModelError(f"`{deparse(node)}` cannot be used as a number in a formula")


def _arithmetic(node: Binary, frame: pd.DataFrame, data: pd.DataFrame | None) -> Vector:
    """``+ - * / ^`` with IEEE results and no warnings; the caller judges non-finite rows."""
    left, right = numbers(node.left, frame, data), numbers(node.right, frame, data)
    with np.errstate(all="ignore"):
        match node.operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case "^":
                if isinstance(node.right, Number) and node.right.value == 2.0:
                    return left * left  # R squares by multiplication
                return each(power, left, right)
    raise ModelError(f"`{deparse(node)}`: operator `{node.operator}` gives no number in a formula")


def poly_degree(node: Call) -> int:
    """The degree of ``poly(x, k)``; 1 when it is left out."""
    if len(node.arguments) == 1:
        return 1
    degree = node.arguments[1]
    whole = isinstance(degree, Number) and degree.value == int(degree.value) >= 1
    if len(node.arguments) > 2 or not isinstance(degree, Number) or not whole:
        raise ModelError(f"`{deparse(node)}`: write poly(x, k) with a whole number k of at least 1")
    return int(degree.value)


_STORED_AS: dict[str, Any] = {
    "floating": "Float64",
    "integer": "Float64",
    "mixed-integer-float": "Float64",
    "boolean": "boolean",
}
"""What a column of Python objects really holds, by pandas' name for it."""
