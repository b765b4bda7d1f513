"""What a command says on stderr: one line each, whatever stands in the names it mentions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.errors import EXIT_GATE, DataError, HarnessError, PlanError
from harness.plain import plain

NAMED_RULES = 5


def say(text: str) -> None:
    """One line on stderr; control characters in names are shown, not obeyed."""
    print(f"harness: {plain(text)}", file=sys.stderr)


def say_error(error: HarnessError) -> None:
    """A user's error, one line a problem."""
    # Only a plan has several; a line break in another message came with a name, and `say` shows it.
    problems = error.problems if isinstance(error, PlanError) else (error,)
    for problem in problems:
        say(str(problem))


def say_refusal(exit_code: int, rules: tuple[str, ...], done: str, see: str) -> None:
    """One line on stderr when the gate did not let the data pass.

    Args:
        exit_code: of the gate; says nothing for 0.
        rules: ids of the rules that stand in the way.
        done: what was not done to anything: ``fitted``.
        see: where to read more.
    """
    if not exit_code:
        return
    more = f" and {len(rules) - NAMED_RULES} more" if len(rules) > NAMED_RULES else ""
    named = ", ".join(rules[:NAMED_RULES]) + more
    if exit_code == EXIT_GATE:
        say(f"the gate refused the data, nothing was {done}: {named} failed: see {see}")
    else:
        say(f"nothing was {done}: {named} could not be checked by the gate: see {see}")


def writable(folder: Path) -> None:
    """Make sure that a folder can be written before hours are spent on what goes into it.

    Raises:
        DataError: it is a file, lies below one, or may not be written.
    """
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise DataError(f"{folder}: cannot be written ({there} is not a folder)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(f"{folder}: cannot be written (no permission in {there})")
