"""One tokenizer for formulas and expressions."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.errors import FormulaError
from harness.language.nodes import is_letter, is_name_part

MAX_TEXT = 8_000
"""Characters of one formula or expression."""

MAX_DIGITS = 15
"""Significant digits of a number: R spells numbers with 15, so one more would not survive."""

Kind = Literal["number", "text", "name", "quoted", "operator", "end"]

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_PLACEHOLDER = re.compile(r"\{([a-z_]{1,30})\}")
_SPACE = " \t\r\n"
_OPERATORS = (
    *("**", "||", "==", "!=", "<=", ">="),
    *("+", "-", "*", "/", "^", ":", "(", ")", ",", "~", "|", "<", ">"),
)
_HINTS = {
    "=": "`=` is not an operator here; equality is `==`",
    "&": "`&` is not an operator here; write `and`",
    "!": "`!` is not an operator here; write `not`, or `!=` for unequal",
    "%": "`%` is not an operator here",
    "\N{NO-BREAK SPACE}": "a no-break space; type an ordinary space",
    "“": "a typographic quotation mark; type ' or \"",
    "”": "a typographic quotation mark; type ' or \"",
    "‘": "a typographic quotation mark; type ' or \"",
    "’": "a typographic quotation mark; type ' or \"",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One lexical unit.

    Attributes:
        kind: ``quoted`` is a back-ticked name, ``end`` the end of the text.
        text: the operator, the name, or the content of the string, unescaped.
        position: offset of its first character.
        value: of a number.
    """

    kind: Kind
    text: str
    position: int
    value: float = 0.0

    @property
    def shown(self) -> str:
        """The token as a message names it."""
        match self.kind:
            case "end":
                return "the end"
            case "text":
                return f"the string '{self.text}'"
            case _:
                return f"`{self.text}`"


def tokenize(text: str, columns: Mapping[str, str] | None = None) -> tuple[Token, ...]:
    """Split a formula or an expression into tokens, an ``end`` token last.

    Args:
        text: the formula or expression.
        columns: what placeholders stand for; ``{outcome}`` becomes the one token that
            names the column ``columns["outcome"]``, whatever characters that name has.

    Raises:
        FormulaError: a character, number or quotation that the language does not have.
    """
    if len(text) > MAX_TEXT:
        raise FormulaError(f"longer than {MAX_TEXT} characters", text[:40] + "…", 0)
    found: list[Token] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character in _SPACE:
            at += 1
            continue
        token, at = _placeholder(text, at, columns) if character == "{" else _next(text, at)
        found.append(token)
    found.append(Token("end", "", len(text)))
    return tuple(found)


def r_number(value: float) -> str:
    """A finite, non-negative number as R's ``deparse`` writes it: 15 digits, shorter form wins.

    >>> [r_number(v) for v in (2.0, 2.5, 100000.0, 0.0001, 123456.7)]
    ['2', '2.5', '1e+05', '1e-04', '123456.7']
    """
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{MAX_DIGITS - 1}e}".split("e")
    digits = mantissa.replace(".", "").rstrip("0")
    power = int(exponent)
    scientific = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{power:+03d}"
    decimals = max(0, len(digits) - 1 - power)
    width = max(1, power + 1) + (decimals + 1 if decimals else 0)
    return f"{value:.{decimals}f}" if width <= len(scientific) else scientific


def placeholders(text: str) -> tuple[str, ...]:
    """The names of the placeholders in a template, each once."""
    found: dict[str, None] = {}
    tokenize(text, _Recorder(found))
    return tuple(found)


class _Recorder(dict[str, str]):
    """Stands for any placeholder and remembers which were asked for."""

    def __init__(self, found: dict[str, None]) -> None:
        super().__init__()
        self.found = found

    def __contains__(self, key: object) -> bool:
        self.found.setdefault(str(key))
        return True

    def __missing__(self, key: str) -> str:
        return key


def _placeholder(text: str, at: int, columns: Mapping[str, str] | None) -> tuple[Token, int]:
    if columns is None:
        raise FormulaError(
            "placeholders such as `{outcome}` are for the formulas of a plan", text, at
        )
    found = _PLACEHOLDER.match(text, at)
    if found is None:
        raise FormulaError("`{` opens no placeholder such as `{outcome}`", text, at)
    word = found.group(1)
    if word not in columns:
        known = " and ".join(f"`{{{name}}}`" for name in columns) or "none"
        raise FormulaError(f"no placeholder `{{{word}}}`; there are {known}", text, at)
    return Token("quoted", columns[word], at), found.end()


def _next(text: str, at: int) -> tuple[Token, int]:
    character = text[at]
    if character in "'\"":
        content, end = _quotation(text, at)
        return Token("text", content, at), end
    if character == "`":
        content, end = _quotation(text, at)
        if not content:
            raise FormulaError("an empty back-ticked name", text, at)
        return Token("quoted", content, at), end
    if (number := _NUMBER.match(text, at)) is not None:
        return _number(text, at, number.group())
    if _starts_name(text, at):
        end = at + 1
        while end < len(text) and is_name_part(text[end]):
            end += 1
        return Token("name", text[at:end], at), end
    for operator in _OPERATORS:
        if text.startswith(operator, at):
            spelling = "^" if operator == "**" else operator
            return Token("operator", spelling, at), at + len(operator)
    hint = _HINTS.get(character)
    if hint is None:
        shown = character if character.isprintable() else f"U+{ord(character):04X}"
        hint = f"`{shown}` is not part of the language"
    raise FormulaError(hint, text, at)


def _number(text: str, at: int, literal: str) -> tuple[Token, int]:
    end = at + len(literal)
    if end < len(text) and is_name_part(text[end]):
        raise FormulaError("not a number (nor a name: names start with a letter)", text, at)
    digits = re.sub(r"[eE].*|\.", "", literal).strip("0")
    if len(digits) > MAX_DIGITS:
        raise FormulaError(f"a number of more than {MAX_DIGITS} significant digits", text, at)
    value = float(literal)
    if not math.isfinite(value) or (value == 0 and digits):
        raise FormulaError("a number too large or too small to be stored", text, at)
    return Token("number", r_number(value), at, value), end


def _quotation(text: str, at: int) -> tuple[str, int]:
    """The content of a quotation that opens at ``at`` and the offset behind its closing mark."""
    mark = text[at]
    content: list[str] = []
    here = at + 1
    while here < len(text):
        character = text[here]
        if character == mark:
            return "".join(content), here + 1
        if character == "\\":
            here += 1
            character = text[here : here + 1]
            if character not in ("\\", "'", '"', "`"):
                raise FormulaError(
                    "only a backslash or a quotation mark can follow `\\`", text, here
                )
        elif unicodedata.category(character) in ("Cc", "Cs"):
            raise FormulaError("a control character inside a quotation", text, here)
        content.append(character)
        here += 1
    raise FormulaError("a quotation that does not end", text, at)


def _starts_name(text: str, at: int) -> bool:
    if text[at] == ".":
        return text[at + 1 : at + 2] not in tuple("0123456789")
    return is_letter(text[at])
