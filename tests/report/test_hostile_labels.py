"""Labels from a stranger's plan stay labels, in every file and on the terminal."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from harness.compare import DiffTable
from harness.compare.across_sets import AcrossSets, InSet
from harness.plain import plain
from harness.report.across import sets_csv
from harness.report.content import RunRecord, SetFlow
from harness.report.files import diff_csv, diff_json
from harness.report.html import report_html
from harness.report.markdown import diff_markdown
from harness.report.terminal import render_run
from harness.sets.flow import Flow, ModelCounts, SetCounts, VisitCounts
from harness.spreadsheet import defuse

Make = Callable[..., RunRecord]
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onload="alert(1)',
    "image": "<img src=https://evil.example/x>",
    "formula": "=cmd()|'/C calc'!A0",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "blank": " =1+1",
    "plus": "+1",
    "escape": "\x1b]0;owned\x07\x1b[31mred",
    "bidi": "safe\u202egnorw",
    "lines": "a\nb | c\r\n# d",
    "markdown": "[x](https://evil.example) `code` ![y](z) **b** $m$ ~~s~~",
    "mathtext": "$\\frac{1}{0$",
    "entity": "&lt;b&gt;",
}

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE)
def label(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _flow(label: str) -> Flow:
    lost = VisitCounts(label, (3, 3), (2, 1), (0, 1), (1, 1), ((label, (1, 1)),))
    used = ModelCounts(label, label, 3, 2, (1, 1), ((1, 1),), ((label, 1), ("", 1)))
    return Flow(
        *((label, label), (3, 3), (label,), ((label, (1, 2)),), (lost,)),
        *((SetCounts(label, (2, 2), (2, 2), everybody=True),), (used,), (label,)),
    )


def _across(label: str) -> tuple[AcrossSets, ...]:
    sets = (
        InSet(label, -2.5, 1.0, -4.5, -0.5, 0.01, "negative"),
        InSet("2", -1.5, 1.0, -3.5, 0.5, 0.2, "none", 1.0, another=True),
        InSet("3", note=label),
    )
    return (AcrossSets(label, label, label, label, label, "estimate", sets),)


@pytest.fixture
def hostile(label: str, record: Make, hostile_table: Callable[[str], DiffTable]) -> RunRecord:
    return record(
        diff=hostile_table(label),
        study=label,
        title=label,
        sets=(SetFlow(label, label, 1, 1),),
        flow=_flow(label),
        across=_across(label),
        reference=label,
        command=label,
        definitions=(label,),
    )


class Page(HTMLParser):
    """Tags, attributes and text of a page, and whether its tags close in order."""

    VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {v or "" for n, v in attrs if n in ("href", "src", "xlink:href", "action")}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html(hostile: RunRecord, label: str) -> None:
    page = Page()
    page.feed(report_html(hostile))
    page.close()
    assert page.open == []
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", report_html(hostile))
    assert not page.tags & {"script", "img", "iframe", "object", "embed", "link", "a", "b"}
    assert not any(name.startswith("on") for name in page.attributes)
    assert all(link.startswith("#") for link in page.links)
    # Still there to be read, as text.
    assert plain(label) in "".join(page.text)


def test_csv(hostile: RunRecord, label: str) -> None:
    rows = list(csv.DictReader(io.StringIO(diff_csv(hostile.diff))))
    assert len(rows) == len(hostile.diff.rows)
    numbers = {"python", "r", "delta", "limit"}
    for row in rows:
        for name, cell in row.items():
            if name not in numbers:
                assert not cell.lstrip(" ").startswith(FORMULA_STARTS), (name, cell)
    assert {row["analysis"] for row in rows} == {defuse(label, label=True)}


def test_csv_of_sets(hostile: RunRecord, label: str) -> None:
    rows = list(csv.DictReader(io.StringIO(sets_csv(hostile.across))))
    assert [row["estimate"] for row in rows] == ["-2.5", "-1.5", ""]
    for row in rows:
        for name in ("analysis", "outcome", "moderator", "model", "term", "set", "note"):
            assert not row[name].lstrip(" ").startswith(FORMULA_STARTS), (name, row[name])
    assert {row["term"] for row in rows} == {defuse(label, label=True)}


def test_json(hostile: RunRecord, label: str) -> None:
    read = json.loads(diff_json(hostile.diff))
    assert {row["analysis"] for row in read["rows"]} == {label}


def test_markdown(hostile: RunRecord) -> None:
    page = diff_markdown(hostile)
    width = None
    for line in page.split("\n"):
        if line.startswith("| "):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            assert len(cells) == width or (width is None and len(cells) in (4, 7, 8, 9, 11))
            width = len(cells)
        else:
            width = None
    allowed = {"<details>", "<summary>", "</summary>", "</details>", "<code>", "</code>"}
    assert set(re.findall(r"<[^>]*>", page)) <= allowed
    assert not re.search(r"(?<!\\)\[[^\]]*(?<!\\)\]\(", page)
    assert not re.search(r"(?<!\\)`", page)


@pytest.mark.parametrize("full", [False, True], ids=["short", "full"])
def test_terminal(hostile: RunRecord, full: bool) -> None:
    shown = render_run(hostile, full=full, colour=False)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)


def test_plain_spells_out_what_cannot_be_seen() -> None:
    assert plain("a\x1b[31m\n\u202eb") == "a\\x1b[31m\\n\\u202eb"
    assert plain("Größe β µg/ml °C ²") == "Größe β µg/ml °C ²"
