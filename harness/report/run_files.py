"""Everything a run leaves behind, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.atomic import write_text
from harness.estimates.files import write_run as write_estimates
from harness.report.content import RunRecord
from harness.report.files import diff_csv, diff_json
from harness.report.html import report_html
from harness.report.manifest import manifest_json
from harness.report.markdown import diff_markdown


def write_run(record: RunRecord, folder: str | Path) -> tuple[Path, ...]:
    """Write a run's files; the manifest comes last, so that its presence says the rest is there.

    Files of an earlier run in the folder are replaced one by one; its manifest goes first.

    Args:
        record: the run.
        folder: made if need be.

    Returns:
        The paths written.

    Raises:
        DataError: when a file cannot be written.
    """
    folder = Path(folder)
    (folder / "manifest.json").unlink(missing_ok=True)
    written: list[Path] = []
    if record.gate is not None:
        from harness.gate.report import write_gate

        written += write_gate(record.gate, folder)
    written.append(write_estimates(folder / "estimates.json", record.answers, study=record.study))
    texts: dict[str, Callable[[], str]] = {
        "diff.csv": lambda: diff_csv(record.diff),
        "diff.json": lambda: diff_json(
            record.diff, study=record.study, synthetic=record.synthetic, exit_code=record.exit_code
        ),
        "diff.md": lambda: diff_markdown(record),
        "report.html": lambda: report_html(record),
    }
    written += [write_text(folder / name, make()) for name, make in texts.items()]
    written += [write_text(folder / name, script) for name, script in record.scripts.items()]
    written.append(write_text(folder / "manifest.json", manifest_json(record.manifest)))
    return tuple(written)
