"""A formula's variables as numbers: columns and whitelisted calls, bit for bit as R computes them.

The elementary functions go through :mod:`math`, hence the C library that R calls too; numpy's
vectorised ``log`` and ``exp`` differ from it in the last bit on some processors, and a model
matrix is only comparable by hash if every bit agrees. Sums run in extended precision and in
row order, as R's ``mean`` and ``colMeans`` do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, ModelError
from harness.language.nodes import Binary, Call, Group, Name, Node, Number, Unary, deparse

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
    """

    label: str
    codes: npt.NDArray[Any]
    levels: pd.Index


Variable = Numeric | Factor


def evaluate_variable(node: Node, frame: pd.DataFrame) -> Variable:
    """Evaluate one variable of a formula on every row of ``frame``, missing values included.

    Raises:
        DataError: the formula names a column the frame has not.
        ModelError: a column of a type the call cannot use.
    """
    label = deparse(node)
    if isinstance(node, Name):
        return _column(node.name, label, frame)
    if isinstance(node, Call) and node.function == "factor":
        return as_factor(_argument(node, frame), label)
    if isinstance(node, Call) and node.function == "poly":
        degree = _poly_degree(node)
        columns = orthogonal_polynomials(_numbers(node.arguments[0], frame), degree, label)
        suffixes = tuple(str(k) for k in range(1, degree + 1)) if degree > 1 else ("",)
        return Numeric(label, columns, suffixes)
    return Numeric(label, (_numbers(node, frame),))


def as_factor(variable: Variable, label: str) -> Factor:
    """R's ``factor()``: sorted distinct values as levels, numbers spelt with 15 digits."""
    if isinstance(variable, Factor):
        return Factor(label, variable.codes, variable.levels)
    codes, values = pd.factorize(variable.columns[0], sort=True)
    return Factor(label, codes, pd.Index([spell_number(float(v)) for v in values]))


def spell_number(value: float) -> str:
    """R's ``as.character`` of a double: the fewest digits, at most 15, that give it back."""
    for digits in range(1, 16):
        text = f"{value:.{digits - 1}e}"
        if float(text) == value or digits == 15:
            break
    mantissa, exponent = text.split("e")
    power = int(exponent)
    fixed = f"{float(text):.{max(0, digits - 1 - power)}f}"
    scientific = f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return fixed if len(fixed) <= len(scientific) else scientific


def _column(name: str, label: str, frame: pd.DataFrame) -> Variable:
    """A column of the frame: numbers stay numbers, everything categorical becomes a factor."""
    values: Any
    try:
        values = frame[name].array
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


def _argument(call: Call, frame: pd.DataFrame) -> Variable:
    """The single argument of a call, as a variable."""
    if len(call.arguments) != 1:
        raise ModelError(f"`{deparse(call)}`: `{call.function}` takes one argument here")
    return evaluate_variable(call.arguments[0], frame)


def _numbers(node: Node, frame: pd.DataFrame) -> Vector:
    """Evaluate a numeric node to one vector (n,)."""
    match node:
        case Number():
            return np.full(len(frame), node.value)
        case Group():
            return _numbers(node.inner, frame)
        case Name():
            variable = _column(node.name, deparse(node), frame)
            if isinstance(variable, Factor):
                raise ModelError(f"column `{node.name}` is not numeric: it cannot enter arithmetic")
            return variable.columns[0]
        case Unary(operator="-"):
            return -_numbers(node.operand, frame)
        case Unary(operator="+"):
            return _numbers(node.operand, frame)
        case Binary():
            return _arithmetic(node, frame)
        case Call() if node.function in _FUNCTIONS:
            if len(node.arguments) != 1:
                raise ModelError(f"`{deparse(node)}`: `{node.function}` takes one argument here")
            return _FUNCTIONS[node.function](_numbers(node.arguments[0], frame))
        case _:
            raise ModelError(f"`{deparse(node)}` cannot be used as a number in a formula")


def _arithmetic(node: Binary, frame: pd.DataFrame) -> Vector:
    """``+ - * / ^`` with IEEE results and no warnings; the caller judges non-finite rows."""
    left, right = _numbers(node.left, frame), _numbers(node.right, frame)
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
                return _each(_power, left, right)
    raise ModelError(f"`{deparse(node)}`: operator `{node.operator}` gives no number in a formula")


def _power(base: float, exponent: float) -> float:
    """C's ``pow`` with R's special cases (``1^NA`` and ``NA^0`` are 1)."""
    if exponent == 2.0:
        return base * base
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf if base > 0 or exponent % 2 == 0 else -math.inf
    except ValueError:  # 0^-1 is Inf in R, (-8)^(1/3) is NaN
        return math.inf if base == 0 else math.nan


def _each(function: Callable[..., float], *vectors: Vector) -> Vector:
    """Apply a scalar function row by row."""
    return np.fromiter(
        map(function, *(v.tolist() for v in vectors)), dtype=np.float64, count=len(vectors[0])
    )


def _logarithm(function: Callable[[float], float], pole: float) -> Callable[[Vector], Vector]:
    """A logarithm from the C library with R's values at and beyond the pole."""

    def value(x: float) -> float:
        if x > pole:
            return function(x)
        return -math.inf if x == pole else math.nan

    return lambda vector: _each(value, vector)


def _exp(vector: Vector) -> Vector:
    def value(x: float) -> float:
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf

    return _each(value, vector)


def _sqrt(vector: Vector) -> Vector:
    with np.errstate(invalid="ignore"):
        return np.sqrt(vector)  # correctly rounded everywhere


def _running_total(vector: npt.NDArray[Any]) -> np.longdouble:
    """Sum in extended precision and in row order, as R accumulates."""
    if not len(vector):
        return np.longdouble(0)
    return np.longdouble(np.add.accumulate(vector, dtype=np.longdouble)[-1])


def center(vector: Vector) -> Vector:
    """``x - mean(x)`` over the rows where ``x`` is known; the mean refined as R's ``mean`` does."""
    known = vector[~np.isnan(vector)]
    if not len(known):
        return vector
    mean = _running_total(known) / len(known)
    mean += _running_total(known - mean) / len(known)
    return vector - np.float64(mean)


def scale(vector: Vector) -> Vector:
    """R's ``scale``: less the column mean, over the root of the sum of squares by n - 1."""
    known = vector[~np.isnan(vector)]
    if not len(known):
        return vector
    moved = vector - np.float64(_running_total(known) / len(known))
    squares = moved[~np.isnan(moved)] ** 2
    spread = math.sqrt(float(_running_total(squares)) / max(1, len(known) - 1))
    with np.errstate(all="ignore"):
        return moved / spread


def orthogonal_polynomials(vector: Vector, degree: int, label: str) -> tuple[Vector, ...]:
    """R's ``poly``: orthonormal to the constant and to each other, leading coefficient positive.

    Raises:
        ModelError: missing values, or no more distinct values than ``degree``.
    """
    if np.isnan(vector).any():
        raise ModelError(f"`{label}` has missing values: R's poly() refuses them, drop those rows")
    if len(np.unique(vector)) <= degree:
        raise ModelError(f"`{label}`: the degree must be less than the number of distinct values")
    total = _running_total(vector) / len(vector)
    total += _running_total(vector - total) / len(vector)
    moved = vector - np.float64(total)
    powers = np.vander(moved, degree + 1, increasing=True)
    q, r = np.linalg.qr(powers)
    raw = q * np.diag(r)
    raw /= np.sqrt((raw**2).sum(axis=0))
    return tuple(np.ascontiguousarray(raw[:, k]) for k in range(1, degree + 1))


def _poly_degree(node: Call) -> int:
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

_FUNCTIONS: dict[str, Callable[[Vector], Vector]] = {
    "log": _logarithm(math.log, 0.0),
    "log2": _logarithm(math.log2, 0.0),
    "log10": _logarithm(math.log10, 0.0),
    "log1p": _logarithm(math.log1p, -1.0),
    "exp": _exp,
    "sqrt": _sqrt,
    "I": lambda vector: vector,
    "scale": scale,
    "center": center,
}
