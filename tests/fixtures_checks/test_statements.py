"""The README's table of the abstract's statements is what the plans' models say."""

from __future__ import annotations

from pathlib import Path

import pytest

from .statements import EFFECT, ITEMS, coefficient, text

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.recorded
def test_the_table_in_the_readme_is_what_the_models_say() -> None:
    assert text() in README.read_text(encoding="utf-8")


@pytest.mark.recorded
def test_what_was_planted_is_found_and_what_was_not_is_not() -> None:
    assert coefficient("mbsr", "efficacy/ITT/fiqr_total").high < 0
    for item in ITEMS:
        with_it, without = (
            coefficient(study, f"moderation/ITT/{item}/ln_cxcl8_0", f"{EFFECT}:ln_cxcl8_0")
            for study in ("mbsr", "mbsr_null")
        )
        assert with_it.estimate > without.estimate
        assert without.p > 0.05
    within = coefficient("mbsr", "biomarkers/ITT/ln_il10", "timepost")
    between = coefficient("mbsr", "biomarkers/ITT/ln_il10")
    assert within.p < 0.05 < between.p, "a fall in one arm is no difference between arms"
