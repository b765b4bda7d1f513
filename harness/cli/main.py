"""Entry point of the ``harness`` command: one line on stderr for an error, and its exit code."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence

import typer

from harness.cli import comparing, detecting, fitting, looking, running
from harness.cli.messages import say, say_error
from harness.errors import EXIT_NOT_RUN, EXIT_USAGE, HarnessError

INTERRUPTED = 130
COLLECT_AFTER = 1_000_000
"""Objects made since the last collection of garbage that start the next; Python's own is 700.

A run makes a million records and keeps them all: looking through them is 8 % of its time.
"""
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Where a BLAS looks for its number of threads: one, unless the user says otherwise.

On designs of this size more are slower, and several processes of several threads slower still; and
sums then hang on the number of cores.
"""
SIGPIPE_STATUS = 141
"""What a shell reports of a program whose reader went away; 1 would say that something differs."""

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
app.command("power")(detecting.power)
app.command("record")(running.record)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with the contract's exit code."""
    if sys.stdout is None:  # closed by the caller: `harness run ... >&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    gc.set_threshold(COLLECT_AFTER)
    for name in THREADS:  # before anything loads a BLAS
        os.environ.setdefault(name, "1")
    code = status(arguments)
    gc.freeze()  # the interpreter's last collection would look through them all for a second
    sys.exit(code)


def status(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; every user error is told in one line each."""
    try:
        code = app(args=arguments, prog_name="harness", standalone_mode=False)
    except HarnessError as error:
        say_error(error)
        return error.exit_code
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
        else:
            say(f"{error.format_message()} (see `harness --help`)")
        return EXIT_USAGE
    except typer.Abort:
        say("interrupted")
        return INTERRUPTED
    except SystemExit as leaving:
        # The reader went away (`harness run ... | head`); there is nobody left to tell.
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        _forget_stdout()
        return SIGPIPE_STATUS
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        _forget_stdout()
        say(f"cannot write on: {error.strerror}")
        return EXIT_NOT_RUN
    if code == INTERRUPTED:
        say("interrupted")
    return int(code or 0)


def _forget_stdout() -> None:
    """Let what is still unwritten go nowhere, so that Python's own last flush does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
