"""Everything a run leaves behind, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from harness.atomic import write_text
from harness.errors import DataError
from harness.estimates.files import run_json
from harness.report.across import sets_csv
from harness.report.content import RunRecord
from harness.report.files import diff_csv, diff_json, rows_csv
from harness.report.html import plots_of, report_html
from harness.report.manifest import manifest_json
from harness.report.markdown import diff_markdown
from harness.side_by_side import side_by_side

RUN_FILES = (
    *("diff.csv", "diff.json", "diff.md", "estimates.json", "lme4_defaults.csv"),
    *("sets.csv", "report.html", "reproduce.R", "manifest.json"),
)
"""What a run writes besides the gate's three files."""


def forget_run(folder: str | Path) -> bool:
    """Remove the files of an earlier run, which would pass for the result of the present one.

    Returns:
        Whether there was one: a folder without a manifest is left as it is.

    Raises:
        DataError: when a file cannot be removed.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        return False
    for name in reversed(RUN_FILES):
        _remove(folder / name)
    return True


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return  # nothing below a file; writing says so
    except OSError as error:
        raise DataError(f"{path}: cannot be replaced ({error.strerror or error})") from error


def _sometimes(name: str) -> bool:
    """Whether not every run writes it."""
    return name.endswith(".R") or name in ("lme4_defaults.csv", "sets.csv")


def write_run(record: RunRecord, folder: str | Path, processes: int = 1) -> tuple[Path, ...]:
    """Write a run's files; the manifest comes last, so that its presence says the rest is there.

    Files of an earlier run in the folder are replaced one by one; its manifest goes first.

    Args:
        record: the run.
        folder: made if need be.
        processes: with more than one, the texts are made side by side.

    Returns:
        The paths written.

    Raises:
        DataError: when a file cannot be written.
    """
    folder = Path(folder)
    for name in ("manifest.json", *(name for name in RUN_FILES if _sometimes(name))):
        _remove(folder / name)
    written: list[Path] = []
    if record.gate is not None:
        from harness.gate.report import write_gate

        written += write_gate(record.gate, folder)
    texts: dict[str, Callable[[], str]] = {
        "estimates.json": lambda: run_json(record.answers, study=record.study),
        "diff.csv": lambda: diff_csv(record.diff),
        "diff.json": lambda: diff_json(
            record.diff, study=record.study, synthetic=record.synthetic, exit_code=record.exit_code
        ),
        "diff.md": lambda: diff_markdown(record),
    }
    if record.diff.reported:
        texts["lme4_defaults.csv"] = lambda: rows_csv(record.diff.reported)
    if record.across:
        texts["sets.csv"] = lambda: sets_csv(record.across)
    draw = plots_of(record)
    parts = (*draw, *texts.values())
    plots = list(islice(made := side_by_side(lambda make: make(), parts, processes), len(draw)))
    written += [write_text(folder / name, text) for name, text in zip(texts, made, strict=True)]
    written.append(write_text(folder / "report.html", report_html(record, plots)))
    written += [write_text(folder / name, script) for name, script in record.scripts.items()]
    written.append(write_text(folder / "manifest.json", manifest_json(record.manifest)))
    return tuple(written)
