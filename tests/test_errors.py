"""Messages of errors: short enough to read, whatever was given."""

from __future__ import annotations

from harness.errors import FormulaError


def test_a_short_formula_is_shown_whole() -> None:
    assert str(FormulaError("no", "y ~ x +", 7)) == "no at character 8 of `y ~ x +`"


def test_of_a_long_formula_the_place_is_shown() -> None:
    text = "y ~ " + " + ".join(f"x{i}" for i in range(1000))
    at = text.index("x500")
    told = str(FormulaError("no such column", text, at))
    assert len(told) < 200
    assert f"at character {at + 1} of `…" in told
    assert "x500" in told
    assert told.endswith("…`")
