"""The syntax tree of formulas and expressions, and its spelling as R deparses it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal; ``text`` is R's spelling (``100000`` is ``1e+05``), as in term names."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True, slots=True)
class Truth:
    """The constant ``true`` or ``false`` of an expression."""

    value: bool


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x``, ``+x`` or ``not x``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right``; the power operator is always spelt ``^``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the whitelisted functions."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A parenthesised node; kept because R keeps it when it deparses."""

    inner: Node


Node = Number | Text | Truth | Name | Unary | Binary | Call | Group

_RESERVED = frozenset(
    [
        "if",
        "else",
        "repeat",
        "while",
        "function",
        "for",
        "next",
        "break",
        "TRUE",
        "FALSE",
        "NULL",
        "Inf",
        "NaN",
        "NA",
        "in",
        "NA_integer_",
        "NA_real_",
        "NA_complex_",
        "NA_character_",
    ]
)
_DOTS = re.compile(r"\.(?:\.(?:\.|[0-9]+))?\Z")
_TIGHT = frozenset({"^", ":", "/"})


def is_letter(character: str) -> bool:
    """Whether a name may start with this character (R in a UTF-8 locale: any letter)."""
    return unicodedata.category(character)[0] == "L"


def is_name_part(character: str) -> bool:
    """Whether a name may go on with this character."""
    return character in "._0123456789" or is_letter(character)


def is_reserved(name: str) -> bool:
    """Whether R reserves this word (``TRUE``, ``if``, ``.``), so that a column needs back-ticks."""
    return name in _RESERVED or _DOTS.match(name) is not None


def is_syntactic(name: str) -> bool:
    """Whether a column of this name can be written without back-ticks."""
    if not name or is_reserved(name) or not all(map(is_name_part, name)):
        return False
    return is_letter(name[0]) or (name[0] == "." and not name[1:2].isdigit())


@lru_cache(maxsize=4096)
def quote_name(name: str) -> str:
    """Spell a column name as R does: back-ticked unless it is syntactic."""
    if is_syntactic(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def deparse(node: Node) -> str:
    """Spell a node as R's ``deparse`` does, so that term names agree with R's."""
    match node:
        case Number():
            return node.text
        case Text():
            escaped = node.value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case Truth():
            return "true" if node.value else "false"
        case Name():
            return quote_name(node.name)
        case Group():
            return f"({deparse(node.inner)})"
        case Unary():
            gap = " " if node.operator == "not" else ""
            return f"{node.operator}{gap}{deparse(node.operand)}"
        case Binary():
            gap = "" if node.operator in _TIGHT else " "
            return f"{deparse(node.left)}{gap}{node.operator}{gap}{deparse(node.right)}"
        case Call():
            return f"{node.function}({', '.join(deparse(a) for a in node.arguments)})"


def names_in(node: Node) -> tuple[str, ...]:
    """The column names a node mentions, in order of first appearance."""
    found: dict[str, None] = {}

    def visit(at: Node) -> None:
        match at:
            case Name():
                found.setdefault(at.name)
            case Unary():
                visit(at.operand)
            case Group():
                visit(at.inner)
            case Binary():
                visit(at.left)
                visit(at.right)
            case Call():
                for argument in at.arguments:
                    visit(argument)
            case _:
                pass

    visit(node)
    return tuple(found)


def to_json(node: Node) -> dict[str, Any]:
    """A node as plain JSON; the R side rebuilds the call from it and parses no text."""
    match node:
        case Number():
            return {"number": node.value}
        case Text():
            return {"text": node.value}
        case Truth():
            return {"logical": node.value}
        case Name():
            return {"name": node.name}
        case Group():
            return {"call": "(", "args": [to_json(node.inner)]}
        case Unary():
            return {"call": node.operator, "args": [to_json(node.operand)]}
        case Binary():
            return {"call": node.operator, "args": [to_json(node.left), to_json(node.right)]}
        case Call():
            return {"call": node.function, "args": [to_json(a) for a in node.arguments]}
