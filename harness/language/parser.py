"""Recursive descent over the tokens of a formula or an expression, with R's precedence.

The tree keeps parentheses, so that deparsing it gives the text back as R spells it. Depth and
size are bounded here: whoever walks the tree later may recurse without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.language.cursor import COMPARISONS, Cursor
from harness.language.formula import Formula
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
    is_reserved,
)
from harness.language.tokens import Token

FUNCTIONS = frozenset(
    ["log", "log2", "log10", "log1p", "exp", "sqrt", "I", "scale", "center", "poly", "factor"]
)
"""Calls of the whole language, formulas and expressions alike."""

FORMULA_FUNCTIONS = FUNCTIONS | {"offset"}

EXPRESSION_FUNCTIONS = FUNCTIONS | {"is_missing", "baseline", "change"}

KEYWORDS = frozenset({"and", "or", "not", "true", "false"})

MAX_POLY = 10
"""Largest degree of ``poly``."""


def read_formula(text: str, columns: Mapping[str, str] | None = None) -> Formula:
    """Parse a two-sided lme4-style formula.

    Args:
        text: the formula, or a template with ``{placeholders}``.
        columns: the column each placeholder stands for.

    Raises:
        FormulaError: what is not in the language, or too large, with the offending position.
    """
    from harness.language.terms import assemble

    parser = _Parser(text, FORMULA_FUNCTIONS, expression=False, columns=columns)
    response = parser.outcome()
    parser.expect("~", "a formula is `outcome ~ terms`")
    tree = parser.bar()
    parser.end()
    return assemble(text, response, tree, parser.position_of)


def read_expression(text: str) -> Node:
    """Parse a restricted expression.

    Raises:
        FormulaError: what is not in the language, or too large, with the offending position.
    """
    parser = _Parser(text, EXPRESSION_FUNCTIONS, expression=True)
    node = parser.disjunction()
    parser.end()
    return node


class _Parser(Cursor):
    """The grammar, one method a level of precedence."""

    def outcome(self) -> Node:
        self.calculating = True
        node = self.arithmetic()
        self.calculating = False
        return node

    # -- formulas: bar < + - < * / < : < unary < ^ -------------------------------------------

    def bar(self) -> Node:
        left = self.sum()
        if not self.is_operator("|", "||"):
            return left
        operator = self.take()
        right = self.sum()
        if self.is_operator("|", "||"):
            raise self.error("a second `|` in one random term")
        return self.node(Binary(operator.text, left, right), operator.position, left, right)

    def sum(self) -> Node:
        return self.left_associative(self.product, "+", "-")

    def product(self) -> Node:
        return self.left_associative(self.interaction, "*", "/")

    def interaction(self) -> Node:
        return self.left_associative(self.prefix, ":")

    # -- expressions: or < and < not < comparison < arithmetic ---------------------------------

    def disjunction(self) -> Node:
        return self.words(self.conjunction, "or")

    def conjunction(self) -> Node:
        return self.words(self.negation, "and")

    def words(self, operand: Callable[[], Node], word: str) -> Node:
        left = operand()
        while self.is_word(word):
            operator = self.take()
            right = operand()
            left = self.node(Binary(word, left, right), operator.position, left, right)
        return left

    def negation(self) -> Node:
        if not self.is_word("not"):
            return self.comparison()
        operator = self.take()
        operand = self.deeper(self.negation)
        return self.node(Unary("not", operand), operator.position, operand)

    def comparison(self) -> Node:
        left = self.arithmetic()
        if not self.is_operator(*COMPARISONS):
            return left
        operator = self.take()
        right = self.arithmetic()
        return self.node(Binary(operator.text, left, right), operator.position, left, right)

    def arithmetic(self) -> Node:
        return self.left_associative(self.factors, "+", "-")

    def factors(self) -> Node:
        return self.left_associative(self.prefix, "*", "/")

    # -- both ---------------------------------------------------------------------------------

    def prefix(self) -> Node:
        if not self.is_operator("-", "+"):
            return self.power()
        operator = self.take()
        operand = self.deeper(self.prefix)
        return self.node(Unary(operator.text, operand), operator.position, operand)

    def power(self) -> Node:
        base = self.atom()
        if not self.is_operator("^"):
            return base
        operator = self.take()
        # `^` binds to the right and tighter than a sign before it, looser than one behind it.
        exponent = self.deeper(self.prefix)
        return self.node(Binary("^", base, exponent), operator.position, base, exponent)

    def atom(self) -> Node:
        token = self.token
        match token.kind:
            case "number":
                self.take()
                return self.node(Number(token.value, token.text), token.position)
            case "text":
                if not self.expression:
                    raise self.error("a formula has no strings")
                self.take()
                return self.node(Text(token.text), token.position)
            case "quoted":
                self.take()
                return self.column(token)
            case "name":
                return self.word()
            case _:
                pass
        if self.is_operator("("):
            return self.parenthesis()
        if token.kind == "end":
            raise self.error("it ends where a column, a number or `(` should follow")
        raise self.error(f"expected a column, a number or `(` but found {token.shown}")

    def parenthesis(self) -> Node:
        opening = self.take()
        inner = self.deeper(self.disjunction if self.expression else self.inside)
        self.expect(")", "to close the parenthesis")
        return self.node(Group(inner), opening.position, inner)

    def inside(self) -> Node:
        return self.arithmetic() if self.calculating else self.bar()

    def word(self) -> Node:
        token = self.take()
        if self.is_operator("("):
            return self.call(token)
        if self.expression and token.text in ("true", "false"):
            return self.node(Truth(token.text == "true"), token.position)
        if self.expression and token.text in KEYWORDS:
            raise self.error(f"`{token.text}` needs something to stand between", token.position)
        if token.text == ".":
            raise self.error("`.` (all columns) is not part of the language", token.position)
        if is_reserved(token.text):
            raise self.error(
                f"`{token.text}` is a reserved word; a column of that name needs back-ticks",
                token.position,
            )
        return self.column(token)

    def column(self, token: Token) -> Node:
        if self.expression and token.text in KEYWORDS:
            raise self.error(
                f"a column named `{token.text}` cannot be used in an expression; rename it",
                token.position,
            )
        return self.node(Name(token.text), token.position)

    def call(self, name: Token) -> Node:
        if name.text not in self.functions:
            known = ", ".join(sorted(self.functions))
            raise self.error(f"no function `{name.text}`; there are {known}", name.position)
        self.take()
        outside, self.calculating = self.calculating, True
        self.calls += 1
        arguments: list[Node] = []
        if not self.is_operator(")"):
            arguments.append(self.argument())
            while self.is_operator(","):
                self.take()
                arguments.append(self.argument())
        self.calculating = outside
        self.calls -= 1
        self.expect(")", f"to close `{name.text}(`")
        self.check_arguments(name, arguments)
        return self.node(Call(name.text, tuple(arguments)), name.position, *arguments)

    def argument(self) -> Node:
        return self.deeper(self.disjunction if self.expression else self.arithmetic)

    def check_arguments(self, name: Token, arguments: list[Node]) -> None:
        """Arity; ``poly``'s degree; what makes no number stands alone."""
        wanted = 2 if name.text == "poly" else 1
        if len(arguments) != wanted:
            many = "a column and a degree" if wanted == 2 else "exactly one argument"
            raise self.error(f"`{name.text}` takes {many}", name.position)
        if name.text == "poly":
            if self.expression:
                raise self.error("`poly` makes several columns; it is for formulas", name.position)
            degree = arguments[1]
            if not (
                isinstance(degree, Number)
                and degree.value.is_integer()
                and 1 <= degree.value <= MAX_POLY
            ):
                raise self.error(f"`poly` takes a degree from 1 to {MAX_POLY}", name.position)
        if name.text in ("poly", "factor", "offset") and self.calls:
            raise self.error(f"`{name.text}` cannot stand inside another call", name.position)
