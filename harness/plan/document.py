"""A YAML file as a tree with line numbers: data only, nothing clever.

Of YAML 1.2's core, mappings, sequences and scalars. No anchors or aliases (they can expand a
short file beyond memory), no tags (they can name Python objects), no second document, no key
twice. ``yes`` and ``no`` are text. A scalar keeps its spelling, so that ``0`` and ``no`` can be
factor levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.errors import PlanError, Problem

MAX_BYTES = 300_000
MAX_DEPTH = 20

Path_ = tuple[str | int, ...]
"""Where a value stands: keys and positions from the root."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?\Z")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as written."""

    text: str
    quoted: bool
    line: int

    @property
    def value(self) -> bool | int | float | str | None:
        """What the spelling means in YAML 1.2's core schema."""
        if self.quoted:
            return self.text
        if self.text in ("", "~", "null", "Null", "NULL"):
            return None
        if self.text in ("true", "True", "TRUE", "false", "False", "FALSE"):
            return self.text[0] in "tT"
        if _INTEGER.match(self.text):
            return int(self.text)
        if _NUMBER.match(self.text):
            return float(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence."""

    items: tuple[Yaml, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; keys are text as written."""

    entries: dict[str, tuple[Scalar, Yaml]]
    line: int


Yaml = Scalar | Listing | Table


def read_document(path: Path, shown: str) -> tuple[Table | None, tuple[Problem, ...]]:
    """Read a YAML file whose top is a mapping.

    Args:
        path: the file.
        shown: its name in messages.

    Returns:
        The tree (None if nothing could be made of the file) and what is wrong with it; keys
        that stand twice are reported and their first value kept.
    """
    try:
        text = read_text(path)
    except OSError as error:
        return None, (Problem(shown, None, "", f"cannot be read: {error.strerror}"),)
    except PlanError as error:
        return None, tuple(Problem(shown, p.line, p.key, p.message) for p in error.problems)
    problems: list[Problem] = []
    try:
        tree = _Reader(text, shown, problems).document()
    except _Refused as refused:
        problems.append(Problem(shown, refused.line, "", str(refused)))
        return None, tuple(problems)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        problems.append(Problem(shown, line, "", f"not YAML: {error.problem}"))
        return None, tuple(problems)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.append(Problem(shown, line, "", f"not YAML: {error.reason}"))
        return None, tuple(problems)
    return tree, tuple(problems)


def read_text(path: Path) -> str:
    """A small UTF-8 text file; regular files only.

    Raises:
        PlanError: not a regular file, too large, or not UTF-8.
        OSError: not readable.
    """
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "does not exist"
        raise PlanError((Problem(str(path), None, "", what),))
    with path.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise PlanError((Problem(str(path), None, "", f"larger than {MAX_BYTES} bytes"),))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PlanError((Problem(str(path), line, "", "is not UTF-8 text"),)) from error


def plain(node: Yaml, as_text: Iterator[Path_] | frozenset[Path_] = frozenset()) -> Json:
    """The tree as plain values.

    Args:
        node: the tree.
        as_text: paths of lists whose scalars keep their spelling (factor levels).
    """
    wanted = frozenset(as_text)

    def convert(at: Yaml, path: Path_) -> Json:
        match at:
            case Scalar():
                keep = path[:-1] in wanted and at.value is not None
                return at.text if keep else at.value
            case Listing():
                return [convert(item, (*path, i)) for i, item in enumerate(at.items)]
            case Table():
                return {k: convert(value, (*path, k)) for k, (_, value) in at.entries.items()}

    return convert(node, ())


def line_of(node: Yaml, path: Path_) -> int:
    """The line of the value at ``path``, or of the nearest thing above it that exists."""
    line = node.line
    for step in path:
        match node:
            case Table() if isinstance(step, str) and step in node.entries:
                key, node = node.entries[step]
                line = key.line
            case Listing() if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                line = node.line
            case _:
                break
    return line


def at_path(node: Yaml, path: Path_) -> Yaml | None:
    """The node at ``path``."""
    for step in path:
        match node:
            case Table() if isinstance(step, str) and step in node.entries:
                node = node.entries[step][1]
            case Listing() if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            case _:
                return None
    return node


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


class _Refused(Exception):
    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


class _Reader:
    """Builds the tree from the parser's events; depth is bounded before anything recurses."""

    def __init__(self, text: str, shown: str, problems: list[Problem]) -> None:
        self.events = yaml.parse(text, Loader=yaml.SafeLoader)
        self.shown, self.problems = shown, problems

    def next(self) -> yaml.Event:
        event = next(self.events)
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(f"`*{event.anchor}` is an alias; write the value out", line)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _Refused(f"`&{event.anchor}` is an anchor; plans have none", line)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise _Refused(f"the tag `{tag}`; plans have none", line)
        return event

    def document(self) -> Table:
        self.next()  # stream start
        start = self.next()
        if isinstance(start, yaml.StreamEndEvent):
            raise _Refused("is empty", 1)
        tree = self.node(self.next(), 0, "")
        self.next()  # document end
        after = self.next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise _Refused("a second YAML document", _line(after))
        if not isinstance(tree, Table):
            raise _Refused("is not a mapping of keys to values", tree.line)
        return tree

    def node(self, event: yaml.Event, depth: int, key: str) -> Yaml:
        line = _line(event)
        if depth > MAX_DEPTH:
            raise _Refused(f"nested more than {MAX_DEPTH} deep", line)
        match event:
            case yaml.ScalarEvent():
                return Scalar(event.value, event.style is not None, line)
            case yaml.SequenceStartEvent():
                items: list[Yaml] = []
                while not isinstance(inner := self.next(), yaml.SequenceEndEvent):
                    items.append(self.node(inner, depth + 1, f"{key}[{len(items)}]"))
                return Listing(tuple(items), line)
            case _:
                return self.table(line, depth, key)

    def table(self, line: int, depth: int, key: str) -> Table:
        entries: dict[str, tuple[Scalar, Yaml]] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            name = self.node(event, depth + 1, key)
            if not isinstance(name, Scalar):
                raise _Refused("a key that is not plain text", _line(event))
            whole = f"{key}.{name.text}" if key else name.text
            value = self.node(self.next(), depth + 1, whole)
            if name.text in entries:
                first = entries[name.text][0].line
                self.problems.append(
                    Problem(self.shown, name.line, whole, f"stands twice; first in line {first}")
                )
                continue
            entries[name.text] = (name, value)
        return Table(entries, line)
