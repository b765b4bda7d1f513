"""Formulas and expressions as data: one whitelisting parser for everything a plan may say.

Nothing in a plan, a codebook or a suite is evaluated by Python or R. It is parsed here into
the node types of :mod:`harness.language.nodes`, and only those nodes travel further.
"""

from harness.language.expression import Panel, evaluate, parse_expression
from harness.language.formula import Formula, RandomTerm, Term, fill_formula, parse_formula
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
    names_in,
    quote_name,
    to_json,
)
from harness.language.values import factor_of_numbers, spell_number

__all__ = [
    "Binary",
    "Call",
    "Formula",
    "Group",
    "Name",
    "Node",
    "Number",
    "Panel",
    "RandomTerm",
    "Term",
    "Text",
    "Truth",
    "Unary",
    "deparse",
    "evaluate",
    "factor_of_numbers",
    "fill_formula",
    "names_in",
    "parse_expression",
    "parse_formula",
    "quote_name",
    "spell_number",
    "to_json",
]
