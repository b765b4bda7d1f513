"""No cell of a CSV file runs in a spreadsheet, and no number turns into text."""

from __future__ import annotations

import pytest

from harness.spreadsheet import defuse


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-inf", "'-inf"),
        ("-", "'-"),
        ("-3", "-3"),
        ("+3.5e-2", "+3.5e-2"),
        ("-.5", "-.5"),
        ("3", "3"),
        ("", ""),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
    ],
)
def test_formulas_are_defused_and_numbers_stay_numbers(text: str, defused: str) -> None:
    assert defuse(text) == defused


@pytest.mark.parametrize("label", ["+1", "-3", "-.5", " -3", "=1", "\uff0b1"])
def test_a_label_that_looks_like_a_number_stays_a_label(label: str) -> None:
    assert defuse(label, label=True) == f"'{label}"


@pytest.mark.parametrize("label", ["", "3", "bdi", "a-1", "'=1"])
def test_a_plain_label_stays_as_it_is(label: str) -> None:
    assert defuse(label, label=True) == label
