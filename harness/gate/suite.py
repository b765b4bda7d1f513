"""Suite files: Great Expectations' JSON, read strictly so that no rule is lost on the way.

Great Expectations logs and drops a rule whose type it does not know, and calls a suite without
rules a success. Here either is a :class:`~harness.errors.SuiteError` that names file and rule.
This module does not import Great Expectations; :mod:`harness.gate.validator` builds from what it
returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.data.hash import sha256_of
from harness.errors import FormulaError, SuiteError
from harness.gate.checks.rows import expression_columns
from harness.gate.conditions import check_condition, condition_columns
from harness.gate.suite_file import suite_bytes, suite_json
from harness.gate.verdict import Severity

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
BUILT_IN = ("TYPE", "CASE")
BUILT_IN_STEMS = ("ANSWERS:", "SCORES:")
_RULE_KEYS = {"type", "kwargs", "severity", "notes", "meta"}
_RULE_META = {"rule", "source", "allow_vacuous"}
_OWN_KWARGS = {"batch_id", "result_format", "catch_exceptions", "condition_parser"}
_COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list", "by", "unit", "time", "count")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as the suite file states it.

    Attributes:
        rule: its id, unique in the suite.
        type: Great Expectations' name of the check.
        kwargs: arguments of the check, without the row condition.
        condition: the structured row condition, or ``None`` for every row.
        severity: ``critical``, ``warning`` or ``info``.
        sentence: what the rule says, in plain words.
        source: ``codebook`` for a generated rule, ``hand`` for a written one.
        allow_vacuous: whether a critical rule may find nothing to judge.
    """

    rule: str
    type: str
    kwargs: dict[str, Any]
    condition: dict[str, Any] | None
    severity: Severity
    sentence: str
    source: str = "hand"
    allow_vacuous: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the rule reads, its row condition's included, each once."""
        found: dict[str, None] = {}
        for name in _COLUMN_KWARGS:
            value = self.kwargs.get(name)
            if isinstance(value, str):
                found.setdefault(value)
            elif isinstance(value, list):
                found.update(dict.fromkeys(str(column) for column in value))
        if isinstance(expression := self.kwargs.get("expression"), str):
            found.update(dict.fromkeys(expression_columns(expression)))
        if self.condition is not None:
            found.update(dict.fromkeys(condition_columns(self.condition)))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite file.

    Attributes:
        path: where it was read.
        name: its name.
        sha256: hash of the file's bytes.
        key: the columns that identify a row, as the file declares them; may be empty.
        rules: its rules, in order; never empty.
        parameters: names of the suite parameters its rules ask for.
    """

    path: Path
    name: str
    sha256: str
    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    parameters: tuple[str, ...]

    def with_parameters(self, given: Mapping[str, Any]) -> tuple[Rule, ...]:
        """The rules with every ``{"$PARAMETER": name}`` replaced by its value.

        Raises:
            SuiteError: for a parameter that is not given, or given and used by no rule.
        """
        if missing := [name for name in self.parameters if name not in given]:
            raise SuiteError(
                f"{self.path}: suite parameter {missing[0]!r} has no value; "
                "give it under gate.parameters of the plan"
            )
        if unused := sorted(set(given) - set(self.parameters)):
            raise SuiteError(
                f"{self.path}: gate.parameters gives {unused[0]!r}, which no rule uses; "
                f"the suite knows {', '.join(self.parameters) or 'none'}"
            )
        try:
            nested = _parameters(list(given.values()))
        except ValueError:
            nested = ["?"]
        if nested:
            raise SuiteError(f"{self.path}: a value in gate.parameters asks for a parameter itself")
        return tuple(
            Rule(
                rule=rule.rule,
                type=rule.type,
                kwargs=cast("dict[str, Any]", _substitute(rule.kwargs, given)),
                condition=cast("dict[str, Any] | None", _substitute(rule.condition, given)),
                severity=rule.severity,
                sentence=rule.sentence,
                source=rule.source,
                allow_vacuous=rule.allow_vacuous,
            )
            for rule in self.rules
        )


def read_suite(path: Path | str) -> Suite:
    """Read a suite file and check all of it that needs no data.

    Raises:
        SuiteError: for a file that is absent, is not JSON, has no rules, uses an id twice, or
            holds a rule with an unknown key or severity, without id or sentence, with a text
            condition, or with an expression the whitelisting parser does not accept. Whether
            Great Expectations knows the rule's type and arguments is checked when it is built.
    """
    path = Path(path)
    content = suite_bytes(path)
    spec = suite_json(path, content)
    rules = _rules(path, spec)
    meta = spec.get("meta", {})
    return Suite(
        path=path,
        name=spec["name"],
        sha256=sha256_of(content),
        key=tuple(meta.get("key", ())),
        rules=rules,
        parameters=tuple(
            dict.fromkeys(
                name for rule in rules for name in _parameters([rule.kwargs, rule.condition])
            )
        ),
    )


def _rules(path: Path, spec: dict[str, Any]) -> tuple[Rule, ...]:
    entries = spec.get("expectations")
    if not isinstance(entries, list) or not entries:
        raise SuiteError(f"{path}: the suite has no rules, so it would pass anything")
    rules: list[Rule] = []
    seen: dict[str, int] = {}
    for place, entry in enumerate(entries, start=1):
        rule = _rule(path, place, entry)
        if rule.rule in seen:
            raise SuiteError(
                f"{path}: rule id {rule.rule} is used twice "
                f"(expectations {seen[rule.rule]} and {place})"
            )
        seen[rule.rule] = place
        rules.append(rule)
    return tuple(rules)


def _rule(path: Path, place: int, entry: object) -> Rule:
    where = f"{path}: expectation {place}"
    if not isinstance(entry, dict):
        raise SuiteError(f"{where}: not an object")
    meta = entry.get("meta")
    name = meta.get("rule") if isinstance(meta, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise SuiteError(
            f"{where} ({entry.get('type')}): meta.rule, the id of the rule, is missing"
        )
    where = f"{path}: rule {name}"
    assert isinstance(meta, dict)  # noqa: S101 - for the type checker: name came from it
    if name in BUILT_IN or name.startswith(BUILT_IN_STEMS):
        raise SuiteError(f"{where}: the id is kept for the gate's own rule")
    if unknown := sorted(set(entry) - _RULE_KEYS) + [
        f"meta.{k}" for k in sorted(set(meta) - _RULE_META)
    ]:
        raise SuiteError(f"{where}: unknown key {unknown[0]!r}")
    severity = entry.get("severity", "critical")
    if severity not in SEVERITIES:
        raise SuiteError(f"{where}: severity {severity!r} is not one of {', '.join(SEVERITIES)}")
    sentence = entry.get("notes")
    if not isinstance(sentence, str) or not sentence.strip():
        raise SuiteError(f"{where}: notes, the rule as a plain sentence, is missing")
    kwargs = entry.get("kwargs")
    if not isinstance(entry.get("type"), str) or not isinstance(kwargs, dict):
        raise SuiteError(f"{where}: type (text) and kwargs (object) are needed")
    source, vacuous = meta.get("source", "hand"), meta.get("allow_vacuous", False)
    if source not in {"codebook", "hand"} or not isinstance(vacuous, bool):
        raise SuiteError(
            f"{where}: meta.source is codebook or hand, meta.allow_vacuous true or false"
        )
    if own := sorted(set(kwargs) & _OWN_KWARGS):
        raise SuiteError(f"{where}: {own[0]} is set by the gate, not by a suite")
    if kwargs.get("mostly", 1) == 0:
        raise SuiteError(f"{where}: mostly 0 would pass anything")
    condition = kwargs.get("row_condition")
    rule = Rule(
        rule=name,
        type=entry["type"],
        kwargs={key: value for key, value in kwargs.items() if key != "row_condition"},
        condition=condition,
        severity=severity,
        sentence=sentence.strip(),
        source=source,
        allow_vacuous=vacuous,
    )
    try:
        if condition is not None:
            check_condition(condition)
        _ = rule.columns  # parses the expression
        _parameters([rule.kwargs, condition])
    except (ValueError, FormulaError) as error:
        raise SuiteError(f"{where}: {error}") from None
    return rule


def _parameters(value: object) -> list[str]:
    if isinstance(value, dict):
        if set(value) == {"$PARAMETER"}:
            return [str(value["$PARAMETER"])]
        if "$PARAMETER" in value:
            # Great Expectations would take it for a formula and calculate it.
            raise ValueError('a parameter is {"$PARAMETER": name} and nothing beside it')
        return [name for part in value.values() for name in _parameters(part)]
    if isinstance(value, list):
        return [name for part in value for name in _parameters(part)]
    return []


def _substitute(value: object, given: Mapping[str, Any]) -> object:
    if isinstance(value, dict):
        if set(value) == {"$PARAMETER"}:
            return given[str(value["$PARAMETER"])]
        return {key: _substitute(part, given) for key, part in value.items()}
    if isinstance(value, list):
        return [_substitute(part, given) for part in value]
    return value
