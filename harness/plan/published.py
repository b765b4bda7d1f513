"""Published numbers are strings: ``0.010`` and ``0.01`` do not say the same thing.

A number's last printed digit is its precision. YAML would read ``0.010`` as a float and lose
it, so every printed value must stand in quotes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import Problem
from harness.plan.document import Listing, Scalar, Table, Yaml, read_document

if TYPE_CHECKING:
    from harness.plan.load import LoadedPlan


def check_published(path: Path, loaded: LoadedPlan) -> Iterator[Problem]:
    """Problems of the file of published numbers that a plan names."""
    if path.suffix not in (".yaml", ".yml"):
        yield loaded.problem(("published",), f"`{path.name}` is not a .yaml file")
        return
    if not path.is_file():
        yield loaded.problem(("published",), f"`{path.name}` is not there")
        return
    tree, problems = read_document(path, str(path))
    yield from problems
    if tree is not None:
        yield from _unquoted(tree, "", str(path), printed=False)


def _unquoted(node: Yaml, key: str, file: str, *, printed: bool) -> Iterator[Problem]:
    match node:
        case Scalar() if printed and not node.quoted:
            yield Problem(file, node.line, key, f'a published number must be quoted: "{node.text}"')
        case Listing():
            for position, item in enumerate(node.items):
                yield from _unquoted(item, f"{key}[{position}]", file, printed=printed)
        case Table():
            for name, (_, value) in node.entries.items():
                whole = f"{key}.{name}" if key else name
                yield from _unquoted(value, whole, file, printed=printed or name == "printed")
        case _:
            pass
