from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from estimates_by_hand import KEY, pair, with_value

from harness.compare import COLUMNS, DiffTable, compare_model, join
from harness.errors import DataError
from harness.models.spec import ModelKey
from harness.report.content import SYNTHETIC, RunRecord
from harness.report.files import diff_csv, diff_json
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.run_files import write_run
from harness.report.terminal import render_run

Make = Callable[..., RunRecord]
FILES = {
    "diff.csv",
    "diff.json",
    "diff.md",
    "estimates.json",
    "report.html",
    "manifest.json",
    "gate.json",
    "gate.md",
    "queries.csv",
}


def test_csv_keeps_every_bit(record: Make) -> None:
    python, r = pair()
    python = with_value(python, "week", "p_value", math.nextafter(0.147, 1))
    python = with_value(python, "week", "df", math.inf)
    python = with_value(python, "week", "statistic", math.nan)
    python = with_value(python, "sigma", "sigma", 1e-300)
    table = DiffTable(compare_model(KEY, python, r, None))
    read = list(csv.DictReader(StringIO(diff_csv(table))))
    assert list(read[0]) == list(COLUMNS)
    for row, stored in zip(table.rows, read, strict=True):
        for name in ("python", "r", "delta", "limit"):
            value = getattr(row, name)
            assert value is not None
            assert repr(float(stored[name])) == repr(float(value))
        assert stored["verdict"] == row.verdict
    # Numeric columns for whoever reads it with pandas or R.
    frame = pd.read_csv(StringIO(diff_csv(table)))
    assert {str(frame[name].dtype) for name in ("python", "r", "delta", "limit")} == {"float64"}


def test_json_keeps_every_bit(record: Make) -> None:
    run = record()
    read = json.loads(diff_json(run.diff, study="btheb", synthetic=True, exit_code=4))
    assert (read["study"], read["synthetic"], read["exit_code"]) == ("btheb", True, 4)
    assert read["counts"] == {str(v): n for v, n in run.diff.counts.items()}
    assert len(read["rows"]) == len(run.diff.rows)
    for row, stored in zip(run.diff.rows, read["rows"], strict=True):
        assert list(stored) == list(COLUMNS)
        if isinstance(row.python, float) and math.isfinite(row.python):
            assert stored["python"] == row.python


def test_a_run_leaves_every_file_and_nothing_else(record: Make, tmp_path: Path) -> None:
    paths = write_run(record(scripts={"reproduce.R": "1 + 1\n"}), tmp_path)
    assert {path.name for path in paths} == FILES | {"reproduce.R"}
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"reproduce.R"}
    assert paths[-1].name == "manifest.json"


def test_a_run_broken_off_leaves_no_half_file_and_no_manifest(
    record: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(record(), tmp_path)
    before = (tmp_path / "report.html").read_text()
    real = os.replace

    def fails(source: str, target: str) -> None:
        if Path(target).name == "report.html":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(DataError, match="No space left"):
        write_run(record(title="Other"), tmp_path)
    assert (tmp_path / "report.html").read_text() == before
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"manifest.json"}


def test_a_refused_run_replaces_the_numbers_of_an_earlier_one(record: Make, tmp_path: Path) -> None:
    write_run(record(), tmp_path)
    run = record()
    write_run(replace(run, diff=DiffTable(()), answers=(), exit_code=3), tmp_path)
    assert (tmp_path / "diff.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert json.loads((tmp_path / "diff.json").read_text())["exit_code"] == 3
    for name in ("diff.md", "report.html"):
        assert "Nothing was fitted" in (tmp_path / name).read_text()
        assert "23.5" not in (tmp_path / name).read_text()


class TestSyntheticData:
    @pytest.mark.parametrize("full", [False, True], ids=["short", "full"])
    def test_the_banner_is_everywhere_a_person_looks(self, record: Make, full: bool) -> None:
        run = record(synthetic=True)
        shown = render_run(run, full=full, colour=False)
        assert shown.split("\n")[1] == SYNTHETIC
        assert shown.split("\n")[-1] == SYNTHETIC
        assert SYNTHETIC in diff_markdown(run).split("\n## ")[0]
        page = report_html(run)
        assert page.count(f'<p class="banner">{SYNTHETIC}</p>') == 2
        assert page.index(SYNTHETIC) < page.index("<h2>")
        assert '"synthetic": true' in diff_json(run.diff, synthetic=run.synthetic)

    def test_also_when_nothing_was_fitted(self, record: Make) -> None:
        run = replace(record(synthetic=True), diff=DiffTable(()), exit_code=3)
        for shown in (render_run(run, colour=False), diff_markdown(run), report_html(run)):
            assert SYNTHETIC in shown

    def test_real_data_have_none(self, record: Make) -> None:
        run = record()
        for shown in (render_run(run, colour=False), diff_markdown(run), report_html(run)):
            assert "SYNTHETIC" not in shown


def test_reports_are_the_same_bytes_for_the_same_run(record: Make) -> None:
    assert report_html(record()) == report_html(record())
    assert diff_markdown(record()) == diff_markdown(record())


def test_the_page_fetches_nothing(record: Make) -> None:
    import re

    two = [compare_model(ModelKey(name, "ITT", "bdi"), *pair(), None) for name in ("one", "two")]
    page = report_html(record(diff=join(two)))
    assert page.count("<svg ") == 2
    addresses = set(re.findall(r"https?://[^\"'<\s)]*", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in page
    assert "default-src &#x27;none&#x27;" in page
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
