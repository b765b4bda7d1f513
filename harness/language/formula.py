"""lme4-style formulas: the parsed form, with terms in R's order and under R's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from harness.language.nodes import Node, deparse, names_in, quote_name


@dataclass(frozen=True, slots=True)
class Term:
    """One term: the variables whose columns are multiplied, e.g. those of ``arm:time``.

    Attributes:
        factors: the variables (columns or whitelisted calls on columns), ordered as the formula
            first mentions them, which is R's order within a term label.
    """

    factors: tuple[Node, ...]

    @property
    def label(self) -> str:
        """R's term label, e.g. ``treatment:month`` or ``log(x)``."""
        return ":".join(deparse(factor) for factor in self.factors)


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """One ``(terms | group)`` after expansion of ``||`` and of ``a/b``.

    Attributes:
        intercept: whether the term has a random intercept.
        terms: the random slopes.
        group: column names of the grouping factor; two or more for an interaction such as
            lme4's ``b:a``, innermost first.
    """

    intercept: bool
    terms: tuple[Term, ...]
    group: tuple[str, ...]

    @property
    def group_label(self) -> str:
        """The name of the grouping factor, e.g. ``Subject``, ``cask:batch`` or ``c:b:a``.

        lme4's own, but for three and more levels: 1.1-31 writes ``c:(b:a)``, 1.1-37 ``c:b:a``.
        The R side spells the nesting out, so that both give this one.
        """
        return ":".join(quote_name(name) for name in self.group)


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula.

    Attributes:
        response: left of the tilde.
        intercept: whether the fixed part has an intercept.
        terms: fixed-effect terms, expanded, ordered by degree and then by appearance, as
            R's ``terms()`` orders them.
        random: random-effect terms in order of appearance; empty for a plain linear model.
        text: canonical spelling (the formula as written, re-spaced as R deparses it).
        tree: the whole right-hand side as written, for an engine that expands it itself.
        offsets: the arguments of ``offset()``, in order of appearance.
    """

    response: Node
    intercept: bool
    terms: tuple[Term, ...]
    random: tuple[RandomTerm, ...]
    text: str
    tree: Node
    offsets: tuple[Node, ...] = ()

    def __hash__(self) -> int:
        """That of the text: what else there is follows from it, and text remembers its own."""
        return hash(self.text)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every data column the formula needs, response first, each once."""
        found: dict[str, None] = dict.fromkeys(names_in(self.response))
        for term in self.terms:
            for factor in term.factors:
                found.update(dict.fromkeys(names_in(factor)))
        for random in self.random:
            for term in random.terms:
                for factor in term.factors:
                    found.update(dict.fromkeys(names_in(factor)))
            found.update(dict.fromkeys(random.group))
        for offset in self.offsets:
            found.update(dict.fromkeys(names_in(offset)))
        return tuple(found)


@lru_cache(maxsize=4096)
def parse_formula(text: str) -> Formula:
    """Parse an lme4-style formula.

    It may have ``+ * : ^ - 1 0``, ``(… | g)``, ``(… || g)``, ``a/b`` and ``offset(x)``.

    Raises:
        FormulaError: for anything else, with the position of the first wrong character.
    """
    from harness.language.parser import read_formula

    return read_formula(text)


def fill_formula(template: str, columns: Mapping[str, str]) -> Formula:
    """Parse a plan's formula with its placeholders standing for columns.

    A placeholder becomes one name, not a piece of text: a column called ``x) + (1 | g`` stays a
    column.

    Args:
        template: e.g. ``{outcome} ~ arm * time + (1 | id)``.
        columns: placeholder -> column name.

    Raises:
        FormulaError: not a formula, or a placeholder that ``columns`` does not have.
    """
    from harness.language.parser import read_formula

    return parse_formula(read_formula(template, columns).text)
