"""Entry point of the ``harness`` command: one line on stderr for an error, and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from harness.cli import comparing, fitting, looking, running
from harness.errors import EXIT_USAGE, HarnessError

app = typer.Typer(
    name="harness",
    help="Decides whether a trial's mixed-model numbers can be believed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("doctor")(looking.doctor)
app.command("schema")(looking.schema)
app.command("gate")(running.gate)
app.command("run")(running.run)
app.command("fit")(fitting.fit)
app.command("compare")(comparing.compare)
app.command("record")(running.record)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with the contract's exit code."""
    sys.exit(status(arguments))


def status(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; every user error is told in one line each."""
    try:
        code = app(args=arguments, prog_name="harness", standalone_mode=False)
    except HarnessError as error:
        for line in str(error).splitlines():
            print(f"harness: {line}", file=sys.stderr)
        return error.exit_code
    except typer.TyperException as error:
        print(f"harness: {error.format_message()} (see `harness --help`)", file=sys.stderr)
        return EXIT_USAGE
    except typer.Abort:
        print("harness: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`harness run ... | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return int(code or 0)
