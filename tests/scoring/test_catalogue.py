"""The catalogue against what is printed about the scales, and its reader against slips."""

# ruff: noqa: E501 - the tables have one case a line

import re

import pytest

from harness.scoring import instruments
from harness.scoring.catalogue import FILE, parse_catalogue

# Instrument, version, items, reversed, score: (lowest, highest). Typed by hand, not from the file.
PRINTED = [
    ("FIQR", "", 21, 0, {"function": (0, 30), "impact": (0, 20), "symptoms": (0, 50), "total": (0, 100)}),
    ("FSDC", "items", 25, 0, {"wpi": (0, 19), "sss": (0, 12), "total": (0, 31), "case": (0, 1)}),
    ("FSDC", "parts", 2, 0, {"wpi": (0, 19), "sss": (0, 12), "total": (0, 31), "case": (0, 1)}),
    ("HADS", "", 14, 0, {"anxiety": (0, 21), "depression": (0, 21), "total": (0, 42)}),
    ("PCS", "", 13, 0, {"rumination": (0, 16), "magnification": (0, 12), "helplessness": (0, 24), "total": (0, 52)}),
    ("PSS-10", "", 10, 4, {"total": (0, 40)}),
    ("PIPS", "", 12, 0, {"avoidance": (8, 56), "fusion": (4, 28), "total": (12, 84)}),
    ("MISCI", "", 10, 0, {"total": (10, 50)}),
    ("FFMQ", "39", 39, 19, {"observing": (8, 40), "describing": (8, 40), "awareness": (8, 40), "nonjudging": (8, 40), "nonreactivity": (7, 35), "total": (39, 195)}),
    ("FFMQ", "24", 24, 12, {"observing": (4, 20), "describing": (5, 25), "awareness": (5, 25), "nonjudging": (5, 25), "nonreactivity": (5, 25), "total": (24, 120)}),
    ("FFMQ", "15", 15, 7, {"observing": (3, 15), "describing": (3, 15), "awareness": (3, 15), "nonjudging": (3, 15), "nonreactivity": (3, 15), "total": (15, 75)}),
    ("SCS-SF", "mean", 12, 6, {"total": (1, 5)}),
    ("SCS-SF", "sum", 12, 6, {"total": (12, 60)}),
]  # fmt: skip

# Which rule the manual gives; everything else refuses unless the plan says otherwise.
MANUALS = {"FIQR": "prorate"}
WORSE = {"FIQR", "FSDC", "HADS", "PCS", "PSS-10", "PIPS"}
BETTER = {"FFMQ", "SCS-SF"}


@pytest.mark.parametrize(
    ("name", "version", "items", "turned", "limits"),
    PRINTED,
    ids=[f"{r[0]}{r[1]}" for r in PRINTED],
)
def test_items_reversed_and_ranges_are_the_printed_ones(name, version, items, turned, limits):
    form = instruments()[name].form(version)
    assert (form.n_items, len(form.reversed)) == (items, turned)
    assert {score: form.limits(score) for score in form.scores} == limits


def test_every_form_is_printed_but_the_one_without_a_key():
    forms = {(one.name, form.version) for one in instruments().values() for form in one.forms}
    assert forms - {row[:2] for row in PRINTED} == {("FFMQ", "20")}
    twenty = instruments()["FFMQ"].form("20")
    assert not twenty.keyed
    assert [part.size for part in twenty.parts] == [4] * 5


@pytest.mark.parametrize("name", instruments())
def test_the_default_refuses_unless_a_manual_says_otherwise(name):
    assert instruments()[name].missing[0] == MANUALS.get(name, "refuse")
    assert "refuse" in instruments()[name].missing


def test_directions():
    found = {name: one.direction for name, one in instruments().items()}
    assert found == {
        **dict.fromkeys(WORSE, "higher is worse"),
        **dict.fromkeys(BETTER, "higher is better"),
        "MISCI": "",
    }


@pytest.mark.parametrize("name", instruments())
def test_every_instrument_says_where_it_is_from_and_what_is_not_known(name):
    one = instruments()[name]
    assert re.search(r"\((19|20)\d\d\)", one.citation), one.citation
    assert len(one.not_known) > 40


SLIPS = {
    "an item in two parts": ("items = [10, 11] }", "items = [9, 10] }", "in two"),
    "an item in no part": ("items = [10, 11] }", "items = [10] }", "do not have all items"),
    "an unknown key": ("high = 10", "highest = 10", "unknown"),
    "a range the wrong way": ("low = 0\nhigh = 10", "low = 10\nhigh = 0", "ranges"),
    "ranges with a gap": ("[20, 22, 0, 3]", "[21, 22, 0, 3]", "ranges"),
    "reversed beyond the last": ("reversed = [4, 5, 7, 8]\n", "reversed = [4, 5, 7, 11]\n", "reversed"),
    "no such rule": ('missing = ["refuse", "zero"]', 'missing = ["refuse", "none"]', "missing"),
    "no such direction": ('direction = ""', 'direction = "worse"', "direction"),
    "a version twice": ('version = "24"', 'version = "15"', "twice"),
    "a form without version": ('version = "24"\n', "", "without version"),
    "no total": ("total = true\nparts = [\n  { name = \"function\"", "parts = [\n  { name = \"function\"", "no total"),
    "a wrong size": ('{ name = "observing", size = 4 }', '{ name = "observing", size = 5 }', "all items"),
    "a case without a part": ("{ wpi = [7, 19], sss = [5, 12] }", "{ wpi = [7, 19] }", "case"),
    "an unknown instrument": ("[PIPS]", "[PIPS-16]\ntitle = \"\"\n[PIPS]", "the code knows"),
    "nothing unknown": ('not_known = "No rule for missing answers was found. Which items make which sub-scale: from memory of the form."', 'not_known = ""', "empty"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_the_catalogue_is_refused(slip):
    old, new, message = SLIPS[slip]
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(ValueError, match=message):
        parse_catalogue(
            text.replace(old, new, 1).replace(
                "[[MISCI", "[[MISCY" if "[MISCY]" in new else "[[MISCI"
            )
        )
