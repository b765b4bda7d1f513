"""From the tree of a formula to its terms: R's ``terms()`` and lme4's ``findbars``/``nobars``.

R's rules (R Language Definition; ``?formula``, ``?terms.formula``): variables are numbered as the
formula first mentions them, removed ones too; a term is a set of variables; operators make
lists of terms in a fixed order; duplicates keep their first place; at the end terms are sorted
by degree, otherwise staying where they are. The intercept is one switch for the whole side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.errors import FormulaError
from harness.language.formula import Formula, RandomTerm, Term
from harness.language.nodes import (
    Binary,
    Call,
    Group,
    Name,
    Node,
    Number,
    Unary,
    deparse,
    names_in,
)

MAX_TERMS = 256
"""Terms of one side after expansion: ``(a + b + … + i)^9`` has 511."""

MAX_POWER = 20

Position = Callable[[Node], int]


def assemble(text: str, response: Node, tree: Node, position: Position) -> Formula:
    """Split fixed from random, expand both, and check what R or lme4 would stumble over.

    Args:
        text: the formula as written, for messages.
        response: left of the tilde.
        tree: right of the tilde.
        position: where in ``text`` a node stands.

    Raises:
        FormulaError: a tree that is no formula of the language.
    """
    build = _Builder(text, position)
    build.check_response(response)
    fixed, bars = build.split(tree)
    side = _Side(build)
    terms = side.expand(fixed) if fixed is not None else ()
    for term in terms:
        if response in term.factors:
            raise build.error("the outcome is also a predictor", tree)
    random = tuple(made for bar in bars for made in build.random_terms(bar))
    seen: set[tuple[bool, tuple[Term, ...], tuple[str, ...]]] = set()
    for bar in random:
        key = (bar.intercept, bar.terms, bar.group)
        if key in seen:
            raise build.error(f"the same random term for `{bar.group_label}` twice", tree)
        seen.add(key)
    spelling = f"{deparse(response)} ~ {deparse(tree)}"
    offsets = tuple(dict.fromkeys(side.offsets))
    return Formula(response, side.intercept, terms, random, spelling, tree, offsets)


class _Side:
    """Expansion of one right-hand side (the fixed part, or what stands left of a bar)."""

    def __init__(self, build: _Builder) -> None:
        self.build = build
        self.intercept = True
        self.adding = True
        self.numbers: dict[Node, int] = {}
        self.offsets: list[Node] = []

    def expand(self, tree: Node) -> tuple[Term, ...]:
        self.number(tree)
        found = self.terms(tree)
        found.sort(key=int.bit_count)
        variables = list(self.numbers)
        return tuple(
            Term(tuple(v for bit, v in enumerate(variables) if term >> bit & 1)) for term in found
        )

    def number(self, node: Node) -> None:
        """Give each variable its bit, in order of first mention."""
        match node:
            case Number() | Call(function="offset"):
                pass
            case Group():
                self.number(node.inner)
            case Unary():
                self.number(node.operand)
            case Binary(operator="^"):
                self.number(node.left)
            case Binary():
                self.number(node.left)
                self.number(node.right)
            case _:
                self.numbers.setdefault(node, len(self.numbers))

    def terms(self, node: Node) -> list[int]:
        """The terms of a subtree as bit sets over the variables, in R's order."""
        match node:
            case Name():
                return [1 << self.numbers[node]]
            case Call(function="offset"):
                self.build.check_variable(node)
                if not self.adding:
                    raise self.build.error("an offset cannot be removed; leave it out", node)
                self.offsets.append(node.arguments[0])
                return []
            case Call():
                self.build.check_variable(node)
                return [1 << self.numbers[node]]
            case Number():
                if node.value not in (0, 1):
                    raise self.build.error("the only numbers among terms are 0 and 1", node)
                self.intercept = (node.value == 1) == self.adding
                return []
            case Group():
                return self.terms(node.inner)
            case Unary(operator="+"):
                return self.terms(node.operand)
            case Unary(operator="-"):
                return self.remove([], node.operand)
            case Binary(operator="+"):
                left = self.terms(node.left)
                return self.trim(left + self.terms(node.right), node)
            case Binary(operator="-"):
                return self.remove(self.terms(node.left), node.right)
            case Binary(operator="^"):
                return self.raised(node)
            case Binary(operator=(":" | "*" | "/") as operator):
                left = self.operand(node.left, operator)
                right = self.operand(node.right, operator)
                return self.crossed(left, right, operator, node)
            case _:
                raise self.build.error("not a term of a formula", node)

    def operand(self, node: Node, operator: str) -> list[int]:
        if isinstance(node, Unary):
            raise self.build.error(
                f"a sign before an operand of `{operator}`; only terms can be removed", node
            )
        before = len(self.offsets)
        found = self.terms(node)
        if len(self.offsets) > before:
            raise self.build.error(f"an offset cannot be an operand of `{operator}`", node)
        if not found:
            raise self.build.error(f"`{operator}` with nothing to cross", node)
        return found

    def remove(self, left: list[int], removed: Node) -> list[int]:
        self.adding = not self.adding
        gone = set(self.terms(removed))
        self.adding = not self.adding
        return [term for term in left if term not in gone]

    def crossed(self, left: list[int], right: list[int], operator: str, node: Node) -> list[int]:
        if operator == "/":
            whole = 0
            for term in left:
                whole |= term
            return self.trim(left + [whole | term for term in right], node)
        products = [a | b for a in left for b in right]
        return self.trim(products if operator == ":" else left + right + products, node)

    def raised(self, node: Binary) -> list[int]:
        base = self.operand(node.left, "^")
        power = node.right
        if not (
            isinstance(power, Number) and power.value.is_integer() and 2 <= power.value <= MAX_POWER
        ):
            raise self.build.error(f"a power among terms is a number from 2 to {MAX_POWER}", node)
        found = base
        for _ in range(int(power.value) - 1):
            found = self.trim([a | b for a in base for b in found], node)
        return found

    def trim(self, terms: Iterable[int], node: Node) -> list[int]:
        found = list(dict.fromkeys(terms))
        if len(found) > MAX_TERMS:
            raise self.build.error(f"more than {MAX_TERMS} terms after expansion", node)
        return found


class _Builder:
    """Checks and expansions that need the text for their messages."""

    def __init__(self, text: str, position: Position) -> None:
        self.text = text
        self.position = position

    def error(self, reason: str, node: Node) -> FormulaError:
        return FormulaError(reason, self.text, self.position(node))

    def check_response(self, response: Node) -> None:
        if not names_in(response):
            raise self.error("the outcome names no column", response)
        inner = response
        while isinstance(inner, Group):
            inner = inner.inner
        if isinstance(inner, Call) and inner.function in ("poly", "factor", "offset"):
            raise self.error(f"`{inner.function}` cannot be an outcome", inner)
        if not isinstance(inner, (Name, Call)):
            self.check_arithmetic(inner)

    def check_arithmetic(self, node: Node) -> None:
        """``poly`` and ``factor`` make no number: they cannot be operands."""
        match node:
            case Call(function=("poly" | "factor" | "offset")):
                raise self.error(f"`{node.function}` cannot be part of a calculation", node)
            case Binary():
                self.check_arithmetic(node.left)
                self.check_arithmetic(node.right)
            case Unary():
                self.check_arithmetic(node.operand)
            case Group():
                self.check_arithmetic(node.inner)
            case _:
                pass

    def check_variable(self, node: Call) -> None:
        if not names_in(node):
            raise self.error("a call that names no column", node)

    # -- random terms -------------------------------------------------------------------------

    def split(self, tree: Node) -> tuple[Node | None, list[Binary]]:
        """The fixed part (None when every term is random) and the bars, in order."""
        match tree:
            case Group(inner=Binary(operator=("|" | "||")) as bar):
                self.no_bars(bar.left)
                self.no_bars(bar.right)
                return None, [bar]
            case Group():
                inner, bars = self.split(tree.inner)
                return (None if inner is None else tree if not bars else Group(inner)), bars
            case Binary(operator="+"):
                left, left_bars = self.split(tree.left)
                right, right_bars = self.split(tree.right)
                bars = left_bars + right_bars
                if not bars:
                    return tree, bars
                if left is None or right is None:
                    return (right if left is None else left), bars
                return Binary("+", left, right), bars
            case Binary(operator="-"):
                self.no_bars(tree.right)
                left, bars = self.split(tree.left)
                if left is None:
                    # lme4's nobars() turns `(1 | g) - 1` into `1`: the removal is lost there.
                    raise self.error(
                        "`-` behind nothing but random terms, where lme4 ignores it; "
                        "put the fixed part first",
                        tree,
                    )
                return (tree if not bars else Binary("-", left, tree.right)), bars
            case Binary(operator=("|" | "||")):
                raise self.error("a random term stands in parentheses: `(1 | g)`", tree)
            case _:
                self.no_bars(tree)
                return tree, []

    def no_bars(self, node: Node) -> None:
        match node:
            case Binary(operator=("|" | "||")):
                raise self.error("a random term can only be added with `+`", node)
            case Binary():
                self.no_bars(node.left)
                self.no_bars(node.right)
            case Unary():
                self.no_bars(node.operand)
            case Group():
                self.no_bars(node.inner)
            case _:
                pass

    def random_terms(self, bar: Binary) -> list[RandomTerm]:
        side = _Side(self)
        terms = side.expand(bar.left)
        if side.offsets:
            raise self.error("an offset belongs to the fixed part", bar)
        parts: list[tuple[bool, tuple[Term, ...]]] = [(side.intercept, terms)]
        if bar.operator == "||":
            parts = [(True, ())] if side.intercept else []
            parts += [(False, (term,)) for term in terms]
        if not side.intercept and not terms:
            raise self.error("a random term with neither intercept nor slope", bar)
        return [
            RandomTerm(intercept, slopes, group)
            for intercept, slopes in parts
            for group in self.groups(bar.right)
        ]

    def groups(self, node: Node) -> list[tuple[str, ...]]:
        """Grouping factors of ``g``, ``a:b`` or ``a/b/c``, innermost first as lme4 lists them."""
        outer: tuple[str, ...] = ()
        found: list[tuple[str, ...]] = []
        for level in self.nesting(node):
            outer = level + outer
            if len(set(outer)) != len(outer):
                raise self.error("the same column twice in a grouping factor", node)
            found.append(outer)
        return found[::-1]

    def nesting(self, node: Node) -> list[tuple[str, ...]]:
        """Levels of ``a/b/c``, outermost first; each is one column or an interaction."""
        if isinstance(node, Binary) and node.operator == "/":
            outer = self.nesting(node.left)
            if len(outer[0]) > 1:
                # lme4's own splitting of `a:b/c` breaks off at the colon.
                raise self.error("lme4 cannot nest within `a:b`; name the two terms", node)
            return [*outer, self.crossing(node.right)]
        return [self.crossing(node)]

    def crossing(self, node: Node) -> tuple[str, ...]:
        match node:
            case Name():
                return (node.name,)
            case Binary(operator=":"):
                return self.crossing(node.left) + self.crossing(node.right)
            case _:
                raise self.error(
                    "a grouping factor is a column, or columns joined by `:` or `/`", node
                )
