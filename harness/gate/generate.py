"""Suite generation: what the codebook says of one variable becomes rules, cross-field rules stay.

    python -m harness.gate.generate CODEBOOK SUITE             # rewrites the generated rules
    python -m harness.gate.generate CODEBOOK SUITE --check     # only says whether they would change

A rule whose ``meta.source`` is ``codebook`` is generated and is replaced; every other rule is
written by hand and kept as it is, in its order, after the generated ones. The suite's
``meta.key`` names the patient and the visit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.atomic import write_text
from harness.data.codebook import Variable, read_codebook
from harness.errors import HarnessError
from harness.gate.codebook_rules import generated_rules
from harness.gate.suite import read_suite

_WIDTH = 100


def regenerate(codebook: Sequence[Variable], suite: str, name: str) -> str:
    """The text of a suite with its generated rules renewed.

    Args:
        codebook: the codebook's lines.
        suite: the present text; empty for a suite that does not exist yet.
        name: the name of a new suite.
    """
    new = {"name": name, "meta": {"key": _key(codebook)}}
    spec: dict[str, Any] = json.loads(suite) if suite else new
    by_hand = [rule for rule in spec.get("expectations", []) if not _from_codebook(rule)]
    key = spec.get("meta", {}).get("key", [])
    spec["expectations"] = [*generated_rules(codebook, key), *by_hand]
    return render(spec) + "\n"


def _from_codebook(rule: dict[str, Any]) -> bool:
    return bool(rule.get("meta", {}).get("source") == "codebook")


def _key(codebook: Sequence[Variable]) -> list[str]:
    return [variable.name for variable in codebook if variable.type == "id"][:1]


def render(value: object, indent: int = 0) -> str:
    """JSON with everything on one line that fits on one, so that a diff shows whole rules."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= _WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    pad, close = " " * (indent + 2), " " * indent
    if isinstance(value, dict):
        parts = [
            f"{pad}{json.dumps(k, ensure_ascii=False)}: {render(v, indent + 2)}"
            for k, v in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{close}}}"
    if all(not isinstance(part, dict | list) for part in value):
        return (
            "[\n" + _filled([json.dumps(v, ensure_ascii=False) for v in value], pad) + f"\n{close}]"
        )
    return "[\n" + ",\n".join(pad + render(v, indent + 2) for v in value) + f"\n{close}]"


def _filled(parts: list[str], pad: str) -> str:
    lines, line = [], pad
    for place, part in enumerate(parts):
        piece = part + ("," if place < len(parts) - 1 else "")
        if len(line) + len(piece) + 1 > _WIDTH and line.strip():
            lines.append(line.rstrip())
            line = pad
        line += piece + " "
    return "\n".join([*lines, line.rstrip()])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m harness.gate.generate``; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.gate.generate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("codebook", type=Path)
    parser.add_argument("suite", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if it would change"
    )
    given = parser.parse_args(arguments)
    try:
        codebook = read_codebook(given.codebook)
        present = given.suite.read_text(encoding="utf-8") if given.suite.exists() else ""
        if present:
            read_suite(given.suite)  # refuses a suite that would be mangled
        text = regenerate(codebook.variables, present, given.suite.stem)
        if given.check and text != present:
            print(
                f"{given.suite} is not what {given.codebook} gives; run without --check",
                file=sys.stderr,
            )
            return 1
        if text != present:
            write_text(given.suite, text)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
