"""One pass over the tokens: where we are, how deep inside, how high each node stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.errors import FormulaError
from harness.language.nodes import Binary, Node
from harness.language.tokens import Token, tokenize

MAX_DEPTH = 40
"""Parentheses, calls and prefix operators inside each other."""

MAX_HEIGHT = 200
"""Height of the tree: a sum of 200 terms is one node higher with every term."""

COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")


class Cursor:
    """The state of one parse: tokens, where we are, how deep, how high each node stands."""

    def __init__(
        self,
        text: str,
        functions: frozenset[str],
        *,
        expression: bool,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.text = text
        self.functions = functions
        self.expression = expression
        self.tokens = tokenize(text, columns)
        self.at = 0
        self.depth = 0
        self.calculating = False  # inside a call or left of the tilde, where `+` adds numbers
        self.calls = 0
        # Nodes are compared by identity here: the same column may stand in many places.
        self.heights: dict[int, int] = {}
        self.positions: dict[int, int] = {}
        self.keep: list[Node] = []

    # -- tokens ---------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        """The token in front."""
        return self.tokens[self.at]

    def position_of(self, node: Node) -> int:
        """Offset in the text at which a node was written."""
        return self.positions.get(id(node), 0)

    def is_operator(self, *spellings: str) -> bool:
        """Whether one of these operators is in front."""
        return self.token.kind == "operator" and self.token.text in spellings

    def is_word(self, word: str) -> bool:
        """Whether a keyword of expressions is in front."""
        return self.expression and self.token.kind == "name" and self.token.text == word

    def take(self) -> Token:
        """The token in front, and step behind it."""
        token = self.token
        self.at += 1
        return token

    def expect(self, operator: str, reason: str) -> Token:
        """Take this operator, or say what stands there instead."""
        if not self.is_operator(operator):
            raise self.error(f"expected `{operator}` but found {self.token.shown} ({reason})")
        return self.take()

    def end(self) -> None:
        """Make sure nothing is left."""
        if self.token.kind == "end":
            return
        if self.is_operator("|", "||"):
            raise self.error(f"`{self.token.text}` is not part of an expression; write `or`")
        if self.is_operator("~"):
            raise self.error("a second `~`")
        if self.is_operator(*COMPARISONS):
            if self.expression:
                raise self.error("comparisons cannot be chained; write `a < b and b < c`")
            raise self.error("a formula has no comparisons")
        raise self.error(f"unexpected {self.token.shown}")

    def error(self, reason: str, position: int | None = None) -> FormulaError:
        """A refusal at ``position``, or at the token in front."""
        return FormulaError(
            reason, self.text, self.token.position if position is None else position
        )

    # -- nodes ----------------------------------------------------------------------------

    def node(self, node: Node, position: int, *children: Node) -> Node:
        """Register a new node: its place in the text, and the height of its tree."""
        height = 1 + max((self.heights[id(child)] for child in children), default=0)
        if height > MAX_HEIGHT:
            raise self.error(f"more than {MAX_HEIGHT} operations in a row", position)
        self.heights[id(node)] = height
        self.positions[id(node)] = position
        self.keep.append(node)
        return node

    def deeper(self, rule: Callable[[], Node]) -> Node:
        """Apply a rule one level further inside."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep")
        node = rule()
        self.depth -= 1
        return node

    def left_associative(self, operand: Callable[[], Node], *operators: str) -> Node:
        """``operand (operator operand)*``, grouped from the left."""
        left = operand()
        while self.is_operator(*operators):
            operator = self.take()
            right = operand()
            made = Binary(operator.text, left, right)
            left = self.node(made, operator.position, left, right)
        return left
