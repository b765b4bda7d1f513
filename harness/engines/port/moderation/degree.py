"""How the fixed effects depend on a numeric column: as a polynomial of which degree, if any."""

from __future__ import annotations

from harness.language.nodes import Binary, Call, Group, Name, Node, Number, Unary, names_in
from harness.models.design import Design
from harness.models.frame import layout_of
from harness.models.variables import Factor, poly_degree

SAME_DEGREE = ("I", "center", "scale")
"""Calls that are straight lines in their argument, the fit's constants given."""


def polynomial_degree(design: Design, column: str) -> int | None:
    """Largest power of a column in any term of the fixed effects.

    Returns:
        0 where no term has it; None where one has it other than as a polynomial, as in ``log(x)``.
    """
    layout = layout_of(design.spec.formula)
    nodes = dict(layout.variables)
    largest = 0
    for term in layout.fixed:
        total = 0
        for label in term:
            if column not in names_in(nodes[label]):
                continue
            if isinstance(design.frame.variables[label], Factor):
                return None
            degree = _degree(nodes[label], column)
            if degree is None:
                return None
            total += degree
        largest = max(largest, total)
    return largest


def _degree(node: Node, column: str) -> int | None:
    """Degree of one variable in the column; None if it is no polynomial."""
    if column not in names_in(node):
        return 0
    if isinstance(node, Name):
        return 1
    if isinstance(node, Group):
        return _degree(node.inner, column)
    if isinstance(node, Unary):
        return _degree(node.operand, column) if node.operator in ("+", "-") else None
    if isinstance(node, Call):
        inner = _degree(node.arguments[0], column)
        if inner is None or node.function not in (*SAME_DEGREE, "poly"):
            return None
        return inner * poly_degree(node) if node.function == "poly" else inner
    if isinstance(node, Binary):
        return _of_two(node, column)
    return None


def _of_two(node: Binary, column: str) -> int | None:
    left, right = _degree(node.left, column), _degree(node.right, column)
    if left is None or right is None:
        return None
    if node.operator in ("+", "-"):
        return max(left, right)
    if node.operator == "*":
        return left + right
    if node.operator == "/":
        return left if right == 0 else None
    if node.operator == "^" and isinstance(node.right, Number):
        power = node.right.value
        return left * int(power) if power == int(power) >= 0 else None
    return None
